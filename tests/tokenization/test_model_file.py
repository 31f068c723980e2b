"""What a model file says of itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.tokenization.model_file import model_facts
from attn2seq.tokenization.tokenizer import Tokenizer

Make = Callable[..., Tokenizer]


@pytest.mark.parametrize("model_type", ["unigram", "bpe", "char", "word"])
def test_the_kind_and_the_symbols(tokenizer: Make, tmp_path: Path, model_type: str) -> None:
    symbols = [] if model_type == "word" else ["<ä,b>", "x" * 300]
    known = tokenizer(model_type=model_type, vocabulary_size=38, user_defined_symbols=symbols)
    facts = model_facts((tmp_path / "some.model").read_bytes())
    assert facts.model_type == known.model_type == model_type
    assert list(facts.symbols) == symbols


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x12", "a number does not end"),
        (b"\x12\x05\x18\x01", "reaches past the end"),
        (b"\x13\x01", "no field of kind 3"),
        (b"\x12\x02\x18\x09", "no model type 9"),
        (b"\xff" * 20, "a number does not end"),
    ],
)
def test_bytes_that_are_no_model(content: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        model_facts(content)


def test_other_fields_are_passed_over() -> None:
    """A piece, a fixed number of four bytes, one of eight, then the type in two fields."""
    piece = b"\x0a\x03abc"
    fixed = b"\x1d\x00\x00\x00\x00" + b"\x21" + bytes(8)
    assert model_facts(piece + fixed + b"\x12\x02\x18\x01\x12\x02\x18\x02").model_type == "bpe"


def test_a_model_cut_short_is_told(tokenizer: Make, tmp_path: Path) -> None:
    tokenizer()
    path = tmp_path / "some.model"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match=r"some\.model is not a sentencepiece model"):
        Tokenizer(path)
