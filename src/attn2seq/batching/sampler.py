"""Which sentences share a batch: pairs of like length, under a budget of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn2seq.seeding import order_generator


@dataclass(frozen=True)
class BatchLimits:
    """A batch is closed when one more pair would pass either limit."""

    tokens: int  # sentences times the longest side, eos included: what a padded side costs
    sentences: int


def plan_batches(
    src_lengths: Sequence[int] | NDArray[np.int64],
    tgt_lengths: Sequence[int] | NDArray[np.int64],
    limits: BatchLimits,
    seed: int,
    epoch: int,
) -> list[NDArray[np.int64]]:
    """The batches of one epoch in the order they are trained, each an array of pair indices.

    Pairs are sorted by length (ties in a random order), cut into batches, and the batches
    shuffled; the plan follows from the arguments alone, so that a resumed run finds its place by
    counting. A pair longer than the budget stands in a batch of its own.
    """
    generator = order_generator(seed, epoch)
    src = np.asarray(src_lengths)
    tgt = np.asarray(tgt_lengths)
    order = np.lexsort((generator.random(len(src)), src, tgt))
    batches = cut_batches(np.maximum(src, tgt)[order] + 1, limits)
    return [order[start:end] for start, end in _shuffled(batches, generator)]


def cut_batches(lengths: NDArray[np.int64], limits: BatchLimits) -> list[tuple[int, int]]:
    """Consecutive [start, end) ranges under the limits.

    `cut_batches([2, 2, 3], BatchLimits(tokens=4, sentences=9))` gives `[(0, 2), (2, 3)]`.
    """
    ranges = []
    start, longest = 0, 0
    for position, length in enumerate(lengths.tolist()):
        count = position - start + 1
        longest_with = max(longest, length)
        too_large = count > limits.sentences or count * longest_with > limits.tokens
        if too_large and position > start:
            ranges.append((start, position))
            start, longest_with = position, length
        longest = longest_with
    if len(lengths) > start:
        ranges.append((start, len(lengths)))
    return ranges


def _shuffled(
    ranges: list[tuple[int, int]], generator: np.random.Generator
) -> list[tuple[int, int]]:
    return [ranges[position] for position in generator.permutation(len(ranges))]
