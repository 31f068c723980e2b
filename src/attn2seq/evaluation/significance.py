"""Is one system better than another, or was it luck? Paired tests, for any metric of this project.

Paired bootstrap resampling: Koehn 2004. Paired approximate randomisation: Riezler and Maxwell
2005. Both compare the systems on the same sentences, so they see differences that lie well within
the interval of either. The draws are those of sacreBLEU's tests. A sample that differs by just as
much counts, as in Riezler and Maxwell's algorithm and unlike there: exact match knows few values,
and one sentence of a thousand would else be called significant.
"""

from collections.abc import Iterator

import numpy as np

from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Measure, Numbers

# Draws held at once, samples times sentences.
MOST_DRAWS = 1 << 24
# Two ways of adding up the same sums may differ by this much.
ROUNDING = 1e-9


def bootstrap_p(baseline: Measure, system: Measure, samples: int, seed: int) -> float:
    """How often a resampled test set differs from what is usual by as much as the real one does."""
    size, generator = _common_size(baseline, system), np.random.default_rng(seed)
    found: list[float] = []
    for count in _chunks(samples, size):
        drawn = generator.choice(size, size=(count, size), replace=True)
        times = np.stack([np.bincount(rows, minlength=size) for rows in drawn])
        found += _differences(baseline, system, times @ baseline.sums, times @ system.sums)
    return _p_value(baseline, system, np.array(found) - np.mean(found))


def randomisation_p(baseline: Measure, system: Measure, samples: int, seed: int) -> float:
    """How often the systems differ as much once each sentence's outputs are exchanged by a coin."""
    size, generator = _common_size(baseline, system), np.random.default_rng(seed)
    found: list[float] = []
    for count in _chunks(samples, size):
        kept = generator.integers(2, size=(count, size), dtype=bool)
        first = kept @ baseline.sums + ~kept @ system.sums
        second = ~kept @ baseline.sums + kept @ system.sums
        found += _differences(baseline, system, first, second)
    return _p_value(baseline, system, np.array(found))


def _differences(
    baseline: Measure, system: Measure, first: Numbers, second: Numbers
) -> list[float]:
    return [
        abs(baseline.formula(one) - system.formula(other))
        for one, other in zip(first, second, strict=True)
    ]


def _p_value(baseline: Measure, system: Measure, found: Numbers) -> float:
    """The share of samples that differ at least as much as the systems do, these among them."""
    difference = abs(baseline.score() - system.score())
    if difference <= ROUNDING:
        return 1.0  # of two equal systems the bootstrap would find half of the sets unusual
    return float((np.sum(found >= difference - ROUNDING) + 1) / (len(found) + 1))


def _common_size(baseline: Measure, system: Measure) -> int:
    sizes = len(baseline.sums), len(system.sums)
    if sizes[0] != sizes[1]:
        raise UserError(
            f"the two systems have {sizes[0]:,} and {sizes[1]:,} sentences: only results on the "
            "same test set can be compared"
        )
    return sizes[0]


def _chunks(samples: int, size: int) -> Iterator[int]:
    """Numbers of samples whose draws fit into memory together."""
    most = max(1, MOST_DRAWS // size)
    for start in range(0, samples, most):
        yield min(most, samples - start)
