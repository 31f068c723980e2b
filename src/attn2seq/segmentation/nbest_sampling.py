"""Subword regularisation: a text is cut in one of its probable ways, drawn anew each time.

Kudo 2018, arXiv 1804.10959, section 3.2: of the `count` best segmentations of a text, one is drawn
with a probability proportional to p ** alpha, where p is the unigram model's.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import sentencepiece as spm
from numpy.typing import NDArray

from attn2seq.segmentation.counter_random import Words, substream, uniforms
from attn2seq.tokenization.tokenizer import UNK_ID, Tokenizer

Ids = NDArray[np.int64]
_ERRORS_ONLY = 2


class NbestSampling:
    """Draws a segmentation of each line; one line's does not depend on another's."""

    def __init__(self, tokenizer: Tokenizer, count: int, alpha: float) -> None:
        """alpha 0 draws all candidates alike, 1 by their probability, more favours the best."""
        # sentencepiece gives a text of a thousand words few candidates or one, and says so each
        # time.
        spm.set_min_log_level(_ERRORS_ONLY)
        self._tokenizer, self._count, self._alpha = tokenizer, count, alpha

    def sample(self, lines: Sequence[NDArray[Any]], numbers: Ids, key: Words) -> list[Ids]:
        """The ids of each line drawn anew; `numbers` are those of the lines, which the draw
        follows from, with `key`. A line with unknown pieces, whose text is lost, stays as it is.
        """
        if not lines:
            return []
        texts = self._tokenizer.decode([line.tolist() for line in lines])
        candidates = [
            [line.tolist()]
            if not len(line) or (line == UNK_ID).any()
            else self._tokenizer.candidates(text, self._count)
            for line, text in zip(lines, texts, strict=True)
        ]
        chosen = self._choose(candidates, uniforms(substream(key, numbers), np.zeros(1)))
        return [
            np.array(found[place], np.int64)
            for found, place in zip(candidates, chosen, strict=True)
        ]

    def _choose(self, candidates: list[list[list[int]]], draws: NDArray[np.float64]) -> list[int]:
        """The place of one candidate of each line."""
        counts = np.array([len(found) for found in candidates])
        starts = np.cumsum(counts) - counts
        every = list(chain.from_iterable(candidates))
        lengths = np.array([len(ids) for ids in every])
        tokens = np.fromiter(chain.from_iterable(every), np.int64, lengths.sum())
        # An empty line has one candidate, of no token, whose sum is that of nothing.
        sums = np.append(0.0, np.cumsum(self._tokenizer.scores[tokens]))
        ends = np.cumsum(lengths)
        log_probs = self._alpha * (sums[ends] - sums[ends - lengths])
        best = np.maximum.reduceat(log_probs, starts)
        weights = np.cumsum(np.exp(log_probs - np.repeat(best, counts)))
        before = np.append(0.0, weights)[starts]
        wanted = before + draws * (weights[starts + counts - 1] - before)
        places = np.searchsorted(weights, wanted, side="right") - starts
        chosen: list[int] = np.clip(places, 0, counts - 1).tolist()
        return chosen
