"""The training pairs of each epoch, cut into batches, and these gathered into steps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attn2seq.batching.batch import Batch, Pairs, make_batch
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.errors import UserError
from attn2seq.training.settings import TrainSettings

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training pairs, as the arguments of `plan_epoch` alone determine it."""

    pairs: Pairs
    max_tokens: int
    steps: list[list[Indices]]  # the batches of each optimizer step, in the order they are trained
    too_long: int  # pairs with a side longer than max_tokens

    def size(self, indices: Indices) -> int:
        """Tokens of the batch at `indices`, both sides, eos and padding counted."""
        longest = (int(side.lengths[indices].max()) for side in (self.pairs.src, self.pairs.tgt))
        return len(indices) * sum(min(length, self.max_tokens) + 1 for length in longest)

    def batch(self, indices: Indices, device: torch.device) -> Batch:
        """The pairs at `indices`, each side cut to `max_tokens` and then given its eos, padded."""
        src, tgt, most = self.pairs.src, self.pairs.tgt, self.max_tokens
        targets = [tgt.first(int(index), most) for index in indices]
        return make_batch([src.first(int(index), most) for index in indices], targets, device)


def plan_epoch(
    pairs_of_epoch: Callable[[int], Pairs], settings: TrainSettings, epoch: int
) -> Epoch:
    """The epoch's batches. Raises UserError where all of its pairs are too long, and dropped."""
    pairs, most = pairs_of_epoch(epoch), settings.max_tokens
    src_lengths, tgt_lengths = pairs.src.lengths, pairs.tgt.lengths
    longest = np.maximum(src_lengths, tgt_lengths)
    truncates = settings.too_long == "truncate"
    kept = np.arange(len(pairs)) if truncates else np.flatnonzero(longest <= most)
    if not len(kept):
        raise UserError(
            f"no training pair is left: all {len(pairs)} are longer than train.max_tokens "
            f"({most}); the shortest has {longest.min()} tokens"
        )
    plan = plan_batches(
        np.minimum(src_lengths[kept], most),
        np.minimum(tgt_lengths[kept], most),
        BatchLimits(settings.batch_tokens, settings.batch_sentences),
        settings.seed,
        epoch,
    )
    batches = [kept[indices] for indices in plan]
    size = settings.accumulate_batches
    steps = [batches[start : start + size] for start in range(0, len(batches), size)]
    return Epoch(pairs, most, steps, int((longest > most).sum()))
