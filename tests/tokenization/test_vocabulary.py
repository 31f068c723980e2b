"""Vocabularies: the same bytes in every process, and sizes that a text does not allow."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.tokenization.vocabulary import VocabularySpec, vocabulary_specs

SRC = Path(__file__).parents[2] / "src"
Make = Callable[..., Tokenizer]
Settings = Callable[..., TokenizeSettings]
SCRIPT = """
import hashlib, json, sys
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.vocabulary import learn_vocabulary, vocabulary_specs
texts = [f"{'ab' * (n % 5)} satz{n % 13} wort{n * n % 17}" for n in range(2000)]
settings = TokenizeSettings.model_validate_json(sys.argv[1])
model = learn_vocabulary(texts, vocabulary_specs(settings)["src"], settings)
print(hashlib.sha256(model).hexdigest())
"""


@pytest.mark.parametrize("model_type", ["unigram", "bpe", "char", "word"])
def test_two_fresh_processes_learn_the_same_bytes_and_say_nothing(
    tokenize_settings: Settings, model_type: str
) -> None:
    settings = tokenize_settings(model_type=model_type, vocabulary_size=30).model_dump_json()
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, settings],
            capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SRC)},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.strip()) == len(hashlib.sha256().hexdigest())
    assert runs[0].stderr == ""


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_the_largest_size_that_is_told_works_and_one_more_does_not(
    tokenizer: Make, model_type: str
) -> None:
    with pytest.raises(UserError) as caught:
        tokenizer(model_type=model_type, vocabulary_size=5000)
    text = str(caught.value)
    assert text.startswith("tokenize.vocabulary_size: 5000 is larger than the training text allow")
    assert f"with model_type {model_type}" in text
    largest = int(text.rsplit(" ", 1)[-1])
    found = tokenizer(model_type=model_type, vocabulary_size=largest)
    assert found.vocabulary_size == largest
    with pytest.raises(UserError, match=f"{largest + 1} is larger"):
        tokenizer(model_type=model_type, vocabulary_size=largest + 1)


def test_a_size_too_small_for_the_characters(tokenizer: Make) -> None:
    with pytest.raises(
        UserError,
        match=r"tokenize\.vocabulary_size: 8 is too small: .* take 9; set it to at least that",
    ):
        tokenizer(["abcd abc"], vocabulary_size=8)


@pytest.mark.parametrize(("model_type", "size"), [("char", 8), ("word", 6)])
def test_for_characters_and_words_the_size_is_a_limit(
    tokenizer: Make, model_type: str, size: int
) -> None:
    # Four special ids, then the characters a, b, c and the space, or the words abc and bc.
    found = tokenizer(["abc bc", "bc"], model_type=model_type, vocabulary_size=1000)
    assert found.vocabulary_size == size


def test_texts_without_a_text(tokenizer: Make) -> None:
    with pytest.raises(UserError, match="the training text has no text; look at"):
        tokenizer([""])


def test_a_very_long_line_is_learnt_from(tokenizer: Make) -> None:
    found = tokenizer(["ab " * 5000 + "ç"], model_type="char", vocabulary_size=100)
    assert found.decode(found.encode(["ç"])) == ["ç"]


def test_specs_of_a_joint_vocabulary(tokenize_settings: Settings) -> None:
    spec = VocabularySpec("joint", "bpe", 60, "vocabulary_size")
    assert vocabulary_specs(tokenize_settings()) == {"src": spec, "tgt": spec}


def test_specs_of_two_vocabularies(tokenize_settings: Settings) -> None:
    settings = tokenize_settings(
        joint_vocabulary=False, tgt_model_type="word", tgt_vocabulary_size=90
    )
    assert vocabulary_specs(settings) == {
        "src": VocabularySpec("src", "bpe", 60, "vocabulary_size"),
        "tgt": VocabularySpec("tgt", "word", 90, "tgt_vocabulary_size"),
    }
