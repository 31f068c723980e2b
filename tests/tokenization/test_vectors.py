"""Word vectors: the right rows, whatever else the file holds; and no wrong line in silence."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from attn2seq.errors import UserError
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import tokenize_splits
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.tokenization.vectors import Found, read_vectors, write_vectors

Make = Callable[..., Tokenizer]


@pytest.fixture
def words(tokenizer: Make) -> Tokenizer:
    """The words Haus, und, wir and the sign ?, as a word vocabulary has them."""
    return tokenizer(["Haus und wir ?"], model_type="word", vocabulary_size=20)


def found(tokenizer: Tokenizer, path: Path, lines: Iterable[str]) -> tuple[Found, dict[str, list]]:
    """The figures, and by piece the rows that have a vector."""
    figures = write_vectors(path, tokenizer, "mine.txt", enumerate(lines, start=1))
    table = read_vectors(path)
    assert table.shape == (tokenizer.vocabulary_size, figures.width)
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    rows = zip(pieces, table.tolist(), strict=True)
    return figures, {piece: row for piece, row in rows if not np.isnan(row).any()}


def test_words_are_found_as_they_stand_before_in_small_letters(
    tmp_path: Path, words: Tokenizer
) -> None:
    """Whatever the order of the lines; of two lines for a word the first counts."""
    lines = ["haus 1 2", "und 3 4", "und 9 9", "Haus 5 6", "haus 7 8", "weg 0 0", "? -1 1e-2"]
    figures, rows = found(words, tmp_path / "v.npy", lines)
    assert rows == {"▁Haus": [5, 6], "▁und": [3, 4], "▁?": [-1, np.float32(0.01)]}
    assert figures == Found(width=2, words=4, found=3, pieces=8)
    _, rows = found(words, tmp_path / "v.npy", lines[:3])
    assert rows == {"▁Haus": [1, 2], "▁und": [3, 4]}


def test_parts_of_words_and_special_pieces_have_none(tmp_path: Path, tokenizer: Make) -> None:
    """Of pieces, whole words and punctuation are looked up: `e` within a word is no word."""
    known = tokenizer(
        ["haus, haus, e"] * 20, model_type="bpe", vocabulary_size=277, byte_fallback=True,
        user_defined_symbols=["<n>"],
    )  # fmt: skip
    names = ["haus", "e", "h", "us", ",", "<n>", "<unk>", "<s>", "<0x41>", "▁haus", "▁", ""]
    lines = [f"{name} {place}" for place, name in enumerate(names)]
    _, rows = found(known, tmp_path / "v.npy", lines[:-1])
    assert rows == {"▁haus": [0], "▁e": [1], ",": [4], "▁h": [2]}


def test_a_first_line_of_counts_and_spaces_at_ends_are_passed_over(
    tmp_path: Path, words: Tokenizer
) -> None:
    _, rows = found(words, tmp_path / "v.npy", ["4 3", "und 1 2 3 ", "wir 4 5 6 "])
    assert rows == {"▁und": [1, 2, 3], "▁wir": [4, 5, 6]}


def test_a_word_may_hold_spaces(tmp_path: Path, words: Tokenizer) -> None:
    """As in GloVe's largest set, which has `. . .` for a word."""
    _, rows = found(words, tmp_path / "v.npy", ["und 1 2", ". . . 3 4", "name me@x.org 1 1"])
    assert rows == {"▁und": [1, 2]}


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            ["und 1 2", "weg 1"],
            r"mine\.txt, line 2: 1 numbers follow the word, .* first vector has 2",
        ),
        (["und 1 2", "weg 1 2 3"], "line 2: 3 numbers follow the word, but the first vector has 2"),
        (["und 1 2", "wir 1 2", ""], "line 3: 0 numbers follow the word"),
        (["und"], "line 1: a word and 1 to 10,000 numbers, .* but 0 follow the word"),
        (["und" + " 1" * 10_001], "line 1: .* but 10,001 follow the word"),
        (["und 1 x2"], "line 1: 'x2' is not a number"),
        (["und 1 nan"], "line 1: a number is not finite"),
        (["und 1 1e99"], "line 1: a number is not finite"),
        ([], r"mine\.txt has no vector"),
        (["4 3"], r"mine\.txt has no vector"),
    ],
)
def test_a_line_that_cannot_be_is_told(
    tmp_path: Path, words: Tokenizer, lines: list[str], fault: str
) -> None:
    with pytest.raises(UserError, match=fault):
        found(words, tmp_path / "v.npy", lines)
    assert not (tmp_path / "v.npy").exists()


def test_only_the_rows_of_the_vocabulary_are_held(tmp_path: Path, words: Tokenizer) -> None:
    """A hundred thousand lines go by of which one is kept: the lines come from a generator."""
    lines = (f"w{number} 1 2 3" for number in range(100_000))
    figures, rows = found(words, tmp_path / "v.npy", (*lines, "und 4 5 6"))
    assert rows == {"▁und": [4, 5, 6]}
    assert figures.found == 1


@pytest.mark.parametrize(
    "table", [np.zeros(3, np.float32), np.zeros((2, 2)), np.array([["a"]]), np.array([[None]])]
)
def test_arrays_that_are_no_vectors(tmp_path: Path, table: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", table, allow_pickle=True)
    with pytest.raises(UserError, match=r"v\.npy is damaged; run tokenize again"):
        read_vectors(tmp_path / "v.npy")


@dataclass(frozen=True)
class Text:
    name: str
    rows: tuple[str, ...]

    def lines(self) -> Iterator[tuple[int, str]]:
        return iter(enumerate(self.rows, start=1))


def test_the_tokenize_stage_writes_them_beside_the_ids_and_says_the_share(
    tmp_path: Path, prepared: Path, tokenize_settings: Callable[..., TokenizeSettings]
) -> None:
    settings = tokenize_settings(model_type="word", joint_vocabulary=False, vocabulary_size=50)
    said: list[str] = []
    text = Text("mine.zip/mine.txt", ("haus 1 2", "hund 3 4", "wald 5 6"))
    tokenize_splits(prepared, tmp_path / "out", settings, said.append, {"tgt": text})
    assert not (tmp_path / "out" / "src_vectors.npy").exists()
    table = read_vectors(tmp_path / "out" / "tgt_vectors.npy")
    tokenizer = Tokenizer(tmp_path / "out" / "tgt.model")
    # The target is the source in capitals: found in small letters.
    assert table[tokenizer.encode(["HUND"])[0][0]].tolist() == [3, 4]
    assert json.loads((tmp_path / "out" / "vectors.json").read_text()) == {
        "tgt": {
            "file": "mine.zip/mine.txt", "width": 2, "pieces": 15, "words": 11, "words_found": 2,
            "words_found_percent": 18.18,
        }
    }  # fmt: skip
    assert said[-1] == (
        "tgt: 2 of 11 whole words in the vocabulary (18.18%) have a vector of 2 numbers in "
        "mine.zip/mine.txt; 15 pieces in all"
    )
