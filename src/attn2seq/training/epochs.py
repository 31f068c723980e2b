"""The training pairs of each epoch, cut into batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from attn2seq.batching.batch import Batch, Pairs
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.errors import UserError
from attn2seq.training.settings import TrainSettings

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training pairs, as its arguments alone determine it."""

    pairs: Pairs
    batches: list[Indices]  # in the order they are trained
    left_out: int  # pairs longer than train.max_tokens

    def batch(self, indices: Indices, device: Any) -> Batch:
        """The pairs at `indices`, padded."""
        return self.pairs.batch(indices, device)


def plan_epoch(
    pairs_of_epoch: Callable[[int], Pairs], settings: TrainSettings, epoch: int
) -> Epoch:
    """The epoch's batches. Raises UserError where all of its pairs are too long."""
    pairs = pairs_of_epoch(epoch)
    longest = np.maximum(pairs.src.lengths, pairs.tgt.lengths)
    kept = np.flatnonzero(longest <= settings.max_tokens)
    if not len(kept):
        raise UserError(
            f"no training pair is left: all {len(pairs)} are longer than train.max_tokens "
            f"({settings.max_tokens}); the shortest has {longest.min()} tokens"
        )
    limits = BatchLimits(settings.batch_tokens, settings.batch_sentences)
    plan = plan_batches(
        pairs.src.lengths[kept], pairs.tgt.lengths[kept], limits, settings.seed, epoch
    )
    return Epoch(pairs, [kept[indices] for indices in plan], len(pairs) - len(kept))
