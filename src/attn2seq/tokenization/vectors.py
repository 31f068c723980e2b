"""Pretrained word vectors, cut down to the rows that a vocabulary can use.

GloVe's text format: a word and its numbers on each line, separated by spaces. A first line of two
whole numbers (words and width, as word2vec and fastText write it) is passed over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn2seq.errors import UserError
from attn2seq.tokenization.token_store import ARRAY_DAMAGE
from attn2seq.tokenization.tokenizer import SPACE, Tokenizer
from attn2seq.whole import whole_file

# Above any published set; a line of text that is no vector at all would ask for more.
MAX_WIDTH = 10_000


@dataclass(frozen=True)
class Found:
    """How much of a vocabulary has a vector."""

    width: int
    words: int  # whole words and punctuation, which are looked up
    found: int
    pieces: int  # all pieces, parts of words among them

    def as_json(self) -> dict[str, float]:
        """For people and for other stages."""
        percent = 100 * self.found / max(1, self.words)
        return {
            "width": self.width,
            "pieces": self.pieces,
            "words": self.words,
            "words_found": self.found,
            "words_found_percent": round(percent, 2),
        }


def write_vectors(
    path: Path, tokenizer: Tokenizer, label: str, lines: Iterable[tuple[int, str]]
) -> Found:
    """Write an array of pieces times width, float32, in which rows without a vector are NaN.

    `lines` are numbered from 1, and `label` names them in messages. Only the rows of the vocabulary
    are held. Raises UserError, with the line, where a vector is not as wide as the first.
    """
    wanted = looked_up(tokenizer)
    rows: dict[int, NDArray[np.float32]] = {}
    exact: set[int] = set()
    width = 0
    for number, line in lines:
        if number == 1 and _is_header(line):
            continue
        fields = line.rstrip(" ").split(" ")
        if not width:
            width = _first_width(fields, label, number)
        word = fields[0] if len(fields) == width + 1 else _spaced_word(fields, width, label, number)
        for token, is_exact in wanted.get(word, ()):
            # As it stands before in small letters, and of two lines for a word the first.
            if token not in rows or (is_exact and token not in exact):
                rows[token] = _numbers(fields[-width:], label, number)
                exact |= {token} if is_exact else set()
    if not width:
        raise UserError(f"{label} has no vector")
    table = np.full((tokenizer.vocabulary_size, width), np.nan, np.float32)
    for token, row in rows.items():
        table[token] = row
    with whole_file(path) as beside, beside.open("wb") as file:
        np.save(file, table)
    words = len({token for entries in wanted.values() for token, _ in entries})
    return Found(width, words, len(rows), tokenizer.vocabulary_size)


def looked_up(tokenizer: Tokenizer) -> dict[str, list[tuple[int, bool]]]:
    """For each word the pieces that it can serve, and whether as it stands or in small letters.

    A piece is looked up where it begins a word, without the mark of the space; and where it is
    punctuation, which stands for itself wherever it is. Other pieces are parts of words.
    """
    wanted: dict[str, list[tuple[int, bool]]] = {}
    for token, piece in enumerate(tokenizer.pieces(range(tokenizer.vocabulary_size))):
        word = piece.removeprefix(SPACE)
        is_word = piece.startswith(SPACE) or not any(map(str.isalnum, piece))
        if not word or not is_word or not tokenizer.is_plain(token):
            continue
        wanted.setdefault(word, []).append((token, True))
        if word.lower() != word:
            wanted.setdefault(word.lower(), []).append((token, False))
    return wanted


def read_vectors(path: Path) -> NDArray[np.float32]:
    """What `write_vectors` wrote. Raises UserError where it is damaged."""
    try:
        table: NDArray[Any] = np.load(path, allow_pickle=False)
    except (*ARRAY_DAMAGE, OSError):
        raise UserError(f"{path} is damaged; run tokenize again") from None
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype != np.float32:
        raise UserError(f"{path} is damaged; run tokenize again")
    return table


def _is_header(line: str) -> bool:
    fields = line.split()
    return len(fields) == 2 and all(field.isascii() and field.isdigit() for field in fields)


def _first_width(fields: list[str], label: str, number: int) -> int:
    width = len(fields) - 1
    if not 0 < width <= MAX_WIDTH:
        raise UserError(
            f"{label}, line {number}: a word and 1 to {MAX_WIDTH:,} numbers, separated by spaces, "
            f"are expected here, but {width:,} follow the word"
        )
    return width


def _spaced_word(fields: list[str], width: int, label: str, number: int) -> str:
    """A word that holds spaces itself, as some of GloVe's largest set do."""
    # What stands before the last `width` fields must be no number, or the line is too wide.
    if len(fields) <= width or _is_number(fields[-width - 1]):
        raise UserError(
            f"{label}, line {number}: {len(fields) - 1:,} numbers follow the word, but the first "
            f"vector has {width:,}"
        )
    return " ".join(fields[:-width])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(fields: list[str], label: str, number: int) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            values = np.array(fields, np.float32)
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise UserError(f"{label}, line {number}: {wrong[:40]!r} is not a number") from None
    if not np.isfinite(values).all():
        raise UserError(f"{label}, line {number}: a number is not finite")
    return values
