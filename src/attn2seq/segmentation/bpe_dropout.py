"""BPE dropout: texts are put together from characters, and now and then a merge is left out.

Provilkov, Emelianenko, Voita 2020, arXiv 1910.13267, algorithm 1: before each merge, every merge
that is possible is dropped with a probability; the best of the rest is carried out; a word in which
none is left is done. Without dropping that is the model's own segmentation.

The words of many lines go side by side, one merge of each at a time.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn2seq.segmentation.counter_random import Words, substream, uniforms
from attn2seq.tokenization.tokenizer import SPACE, Tokenizer

Ids = NDArray[np.int64]
_NO_MERGE = np.iinfo(np.int64).max
# Numbers set aside for one step of a word: its places for a merge.
_PLACES = 1 << 20


class BpeDropout:
    """Draws a segmentation of each line; one line's does not depend on another's."""

    def __init__(self, tokenizer: Tokenizer, rate: float) -> None:
        """`rate` is the share of merges left out, 0 to 1: 0.1 in the paper."""
        self._rate = rate
        size = tokenizer.vocabulary_size
        pieces = tokenizer.pieces(range(size))
        plain = {piece: token for token, piece in enumerate(pieces) if tokenizer.is_plain(token)}
        spelt = [_spelling(token, piece, plain) for token, piece in enumerate(pieces)]
        self._spelt = np.concatenate([np.array(ids, np.int64) for ids in spelt])
        self._spelt_ends = np.cumsum([len(ids) for ids in spelt])
        self._spelt_counts = np.diff(self._spelt_ends, prepend=0)
        whole = np.ones(size, bool)
        whole[list(plain.values())] = False
        starts = np.array([piece.startswith(SPACE) for piece in pieces], bool)
        # A word begins at a space, and on both sides of what is never cut or merged.
        self._begins, self._ends = starts | whole, whole
        self._size = size
        self._keys, self._merged = _merges(plain, size)
        self._by_rank = np.lexsort((np.arange(size), -tokenizer.scores))
        self._ranks = np.empty(size, np.int64)
        self._ranks[self._by_rank] = np.arange(size)

    def sample(self, lines: Sequence[NDArray[Any]], numbers: Ids, key: Words) -> list[Ids]:
        """The ids of each line drawn anew; `numbers` are those of the lines, which the draw
        follows from, with `key`.
        """
        counts = np.array([len(line) for line in lines])
        if not counts.sum():
            return [np.empty(0, np.int64) for _ in lines]
        ids = np.concatenate(lines).astype(np.int64)
        flat, spelt_counts = self._spell(ids)
        line_of_id = np.repeat(np.arange(len(lines)), counts)
        line_of = np.repeat(line_of_id, spelt_counts)
        starts = self._word_starts(flat, line_of)
        first_of_line = np.searchsorted(starts, np.searchsorted(line_of, line_of[starts]))
        keys = substream(
            substream(key, numbers[line_of[starts]]), np.arange(len(starts)) - first_of_line
        )
        alive = np.ones(len(flat), bool)
        lengths = np.diff(np.append(starts, len(flat)))
        for length in np.unique(lengths[lengths > 1]).tolist():
            chosen = lengths == length
            self._merge_words(flat, alive, starts[chosen], length, keys[chosen])
        kept = np.bincount(line_of[alive], minlength=len(lines))
        return np.split(flat[alive], np.cumsum(kept)[:-1])

    def _spell(self, ids: Ids) -> tuple[Ids, Ids]:
        """The characters of all pieces, and how many each has."""
        counts = self._spelt_counts[ids]
        ends = np.cumsum(counts)
        within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        return self._spelt[np.repeat(self._spelt_ends[ids] - counts, counts) + within], counts

    def _word_starts(self, flat: Ids, line_of: Ids) -> Ids:
        begins = self._begins[flat]
        begins[1:] |= self._ends[flat[:-1]] | (line_of[1:] != line_of[:-1])
        begins[0] = True
        return np.flatnonzero(begins)

    def _merge_words(
        self, flat: Ids, alive: NDArray[np.bool_], starts: Ids, length: int, keys: Words
    ) -> None:
        """Merge words of one length to the end, each from its place in `flat` on; what no longer
        counts of a place is marked in `alive`.
        """
        words = flat[starts[:, None] + np.arange(length)]
        ranks = self._ranks_of(words[:, :-1], words[:, 1:])
        for step in range(length):
            width = length - step
            best, places = self._best(ranks, keys, step)
            done = best == _NO_MERGE
            at = starts[done][:, None] + np.arange(length)
            flat[at[:, :width]] = words[done]
            alive[at[:, width:]] = False
            going = ~done
            starts, keys, places = starts[going], keys[going], places[going]
            if not len(starts):
                return
            rows = np.arange(len(starts))
            words, ranks = words[going], ranks[going]
            words[rows, places] = self._by_rank[best[going]]
            words = _without(words, rows, places + 1)
            ranks = _without(ranks, rows, places)
            self._renew(ranks, words, rows, places - 1)
            self._renew(ranks, words, rows, places)

    def _best(self, ranks: Ids, keys: Words, step: int) -> tuple[Ids, Ids]:
        """The rank of the best merge that is not dropped, and its place, for each word."""
        width = ranks.shape[1]
        if not width:
            none = np.full(len(ranks), _NO_MERGE)
            return none, np.zeros(len(ranks), np.int64)
        draws = uniforms(keys[:, None], np.arange(width) + (step * _PLACES + 1))
        left = np.where(draws < self._rate, _NO_MERGE, ranks)
        places = left.argmin(axis=1)
        return left[np.arange(len(left)), places], places

    def _renew(self, ranks: Ids, words: Ids, rows: Ids, places: Ids) -> None:
        """Rank anew the merge at one place of each word, where it has that place."""
        inside = (places >= 0) & (places < ranks.shape[1])
        rows, places = rows[inside], places[inside]
        ranks[rows, places] = self._ranks_of(words[rows, places], words[rows, places + 1])

    def _ranks_of(self, left: Ids, right: Ids) -> Ids:
        """The rank of the piece that two neighbours make, the first merge's being the lowest."""
        wanted = left * self._size + right
        at = np.searchsorted(self._keys, wanted)
        found = self._keys[np.minimum(at, len(self._keys) - 1)] == wanted
        at[~found] = 0
        return np.where(found, self._ranks[self._merged[at]], _NO_MERGE)


def _spelling(token: int, piece: str, plain: dict[str, int]) -> list[int]:
    """The ids of a piece's characters; of one that is never cut, its own."""
    ids = [plain.get(character, -1) for character in piece]
    return ids if plain.get(piece) == token and -1 not in ids else [token]


def _merges(plain: dict[str, int], size: int) -> tuple[Ids, Ids]:
    """For each two pieces that make a third: their ids as one sorted number, and the third's."""
    found = {-1: -1}  # so that there is always one to compare with
    for piece, token in plain.items():
        for cut in range(1, len(piece)):
            left, right = plain.get(piece[:cut]), plain.get(piece[cut:])
            if left is not None and right is not None:
                found[left * size + right] = token
    keys = np.array(sorted(found), np.int64)
    return keys, np.array([found[key] for key in keys.tolist()], np.int64)


def _without(table: Ids, rows: Ids, places: Ids) -> Ids:
    """The table with one place of each row taken out."""
    kept = np.ones(table.shape, bool)
    kept[rows, places] = False
    return table[kept].reshape(len(table), table.shape[1] - 1)
