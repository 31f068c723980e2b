"""The tokenizer: decoding undoes encoding, and special ids stand where they must."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece as spm
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_up_texts import made_up_texts

from attn2seq.errors import UserError
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer

Make = Callable[..., Tokenizer]
LETTERS = "abcdefghijklmnopqrstuvwxyz äöüß"
# One tokenizer serves all examples of a property.
ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize(("model_type", "size"), [("unigram", 36), ("bpe", 60), ("char", 100)])
def test_known_characters_come_back_as_they_were(
    tokenizer: Make, model_type: str, size: int
) -> None:
    # Each letter within words, so that all are known.
    known = tokenizer([LETTERS, *LETTERS.split()] * 3, model_type=model_type, vocabulary_size=size)

    @ONCE
    @given(st.lists(st.text(LETTERS)))
    def check(texts: list[str]) -> None:
        assert known.decode(known.encode(texts)) == texts
        assert all(UNK_ID not in ids for ids in known.encode(texts))

    check()


@pytest.mark.parametrize(
    ("model_type", "size"),
    [("unigram", 400), ("bpe", 400), ("char", 400), ("char", 260), ("word", 400), ("word", 260)],
)
def test_with_bytes_to_fall_back_on_every_text_comes_back(
    tokenizer: Make, model_type: str, size: int
) -> None:
    """Even where the space before an unknown word, or every space, is spelt in bytes."""
    texts = made_up_texts(300, 1)
    known = tokenizer(texts, byte_fallback=True, model_type=model_type, vocabulary_size=size)

    @ONCE
    # U+2581 stands for a space within pieces, and NUL ends a text for sentencepiece.
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁\0"))))
    @example(["so ein Wort", " so", "  so", "so  ein  Wort "])
    def check(texts: list[str]) -> None:
        assert known.decode(known.encode(texts)) == texts
        assert all(UNK_ID not in ids for ids in known.encode(texts))

    check()


def test_whole_words_come_back(tokenizer: Make) -> None:
    known = tokenizer(["I_WALK I_RUN", "I_RUN"], model_type="word", vocabulary_size=100)
    assert known.pieces(known.encode(["I_RUN I_WALK"])[0]) == ["▁I_RUN", "▁I_WALK"]
    assert known.decode(known.encode(["I_RUN I_WALK"])) == ["I_RUN I_WALK"]


def test_special_ids(tokenizer: Make) -> None:
    assert (PAD_ID, UNK_ID, BOS_ID, EOS_ID) == (0, 1, 2, 3)
    assert tokenizer().pieces([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]


def test_encoding_adds_no_special_ids_even_where_the_text_spells_them(tokenizer: Make) -> None:
    ids = tokenizer().encode(["haus", "<s> haus </s> <pad>"])
    assert not {PAD_ID, BOS_ID, EOS_ID} & {token for row in ids for token in row}


def test_decoding_drops_what_frames_and_fills(tokenizer: Make) -> None:
    known = tokenizer()
    haus = known.encode(["haus"])[0]
    framed = [BOS_ID, *haus, EOS_ID, PAD_ID, PAD_ID]
    assert known.decode([framed, [PAD_ID], []]) == ["haus", "", ""]


def test_an_unknown_character_is_shown(tokenizer: Make) -> None:
    known = tokenizer()
    assert UNK_ID in known.encode(["ha&us"])[0]
    assert known.decode(known.encode(["ha&us"])) == ["ha⁇us"]


def test_the_share_of_characters_that_are_known(tokenizer: Make) -> None:
    """Of 100 characters one is a q, and 8 are the spaces before the texts."""
    texts = ["a" * 11 + "q" + "b" * 10] + ["a" * 5 + "b" * 5] * 7
    whole, most = (
        tokenizer(texts, model_type="char", vocabulary_size=50, character_coverage=share)
        for share in (1.0, 0.98)
    )
    assert whole.decode(whole.encode(["aqb"])) == ["aqb"]
    assert most.decode(most.encode(["aqb"])) == ["a⁇b"]
    assert UNK_ID not in most.encode(["ab"])[0]


def test_nothing_gives_nothing(tokenizer: Make) -> None:
    known = tokenizer()
    assert known.encode([]) == []
    assert known.decode([]) == []
    assert known.encode([""]) == [[]]


def test_many_texts_encode_as_each_alone(tokenizer: Make) -> None:
    known = tokenizer()
    texts = [f"haus {'katze ' * (number % 7)}hund" for number in range(500)]
    assert known.encode(texts) == [known.encode([text])[0] for text in texts]


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"src\.model is missing; the tokenize stage writes it"):
        Tokenizer(tmp_path / "src.model")


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_damaged_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "src.model").write_bytes(content)
    with pytest.raises(UserError, match=r"src\.model is not a sentencepiece model"):
        Tokenizer(tmp_path / "src.model")


def test_a_model_with_other_special_ids(tmp_path: Path) -> None:
    with (tmp_path / "src.model").open("wb") as file:
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c"]), model_writer=file, model_type="char", vocab_size=10,
            minloglevel=2,
        )  # fmt: skip
    with pytest.raises(UserError, match=r"has the pad, unknown, start and end ids \(-1, 0, 1, 2\)"):
        Tokenizer(tmp_path / "src.model")


def test_a_model_with_a_piece_that_is_no_text(tokenizer: Make, tmp_path: Path) -> None:
    tokenizer()
    path = tmp_path / "some.model"
    sound = path.read_bytes()
    assert sound.count("ß".encode())
    path.write_bytes(sound.replace("ß".encode(), b"\xc3\xc3"))
    with pytest.raises(UserError, match=r"some\.model is damaged: it has a piece that is no text"):
        Tokenizer(path)
