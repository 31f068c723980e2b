"""One metric as sums over sentences: its score, its interval by resampling.

Every metric of this project is a function of sums: BLEU of n-gram counts, perplexity of nats and
tokens, ROUGE of sentence scores and a count of sentences. Sums are added first and divided once,
so that any set of sentences (a bucket, a resampled test set) has its score at no new cost.

    edits and words of three sentences: [[0, 4], [1, 5], [2, 1]]; score = 100 * edits / words
    the whole set: 100 * 3 / 10 = 30.0, not the mean of 0, 20 and 200
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A metric of one set of sentences.

    `sums` has one row per sentence; `formula` takes the column sums of some rows and gives the
    score; `signature` says how it was computed.
    """

    sums: Numbers
    formula: Callable[[Numbers], float]
    signature: str

    def score(self, rows: NDArray[Any] | None = None) -> float:
        """The score of all sentences, or of the given rows (numbers or a mask)."""
        chosen = self.sums if rows is None else self.sums[rows]
        return self.formula(chosen.sum(axis=0))

    def interval(self, samples: int, seed: int) -> tuple[float, float]:
        """The 95% interval by bootstrap resampling of sentences (Koehn 2004).

        The same draws and the same bounds as sacreBLEU's: of the sorted scores, the ones a
        fortieth from either end.
        """
        generator = np.random.default_rng(seed)
        size = len(self.sums)
        scores = sorted(
            self.score(generator.choice(size, size=size, replace=True)) for _ in range(samples)
        )
        return scores[samples // 40], scores[samples - samples // 40 - 1]


def mean_measure(values: Numbers, signature: str) -> Measure:
    """A metric that is the mean over sentences of values in 0 to 1, on the 0-100 scale."""
    sums = np.stack([values, np.ones_like(values)], axis=1)
    return Measure(sums, lambda total: 100 * float(total[0] / total[1]), signature)
