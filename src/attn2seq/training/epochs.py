"""The training pairs of each epoch, cut into batches, and these gathered into steps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attn2seq.batching.batch import Batch, Pairs, make_batch
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.errors import UserError
from attn2seq.model.drawing import Share
from attn2seq.training.settings import TrainSettings

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training pairs, as the arguments of `plan_epoch` alone determine it."""

    pairs: Pairs
    max_tokens: int
    lengths: tuple[Indices, Indices]  # of each source and target, cut to max_tokens, without eos
    steps: list[list[Indices]]  # the batches of each optimizer step, in the order they are trained
    too_long: int  # pairs with a side longer than max_tokens

    def size(self, indices: Indices) -> int:
        """Tokens of the batch at `indices`, both sides, eos and padding counted."""
        return len(indices) * sum(longest + 1 for longest in self._longest(indices))

    def tokens(self, indices: Indices) -> int:
        """Target tokens of the batch at `indices`, eos counted."""
        return int(self.lengths[1][indices].sum()) + len(indices)

    def batch(self, indices: Indices, device: torch.device, share: Share | None = None) -> Batch:
        """The pairs at `indices`, each side cut to `max_tokens` and then given its eos, padded.

        Of these pairs the batch has those of the `share`, padded as the whole batch would be.
        """
        own = indices if share is None else indices[share.rows]
        src, tgt, most = self.pairs.src, self.pairs.tgt, self.max_tokens
        sources = [src.first(int(index), most) for index in own]
        targets = [tgt.first(int(index), most) for index in own]
        return make_batch(sources, targets, device, self._longest(indices))

    def _longest(self, indices: Indices) -> tuple[int, int]:
        """The longest source and target, without eos."""
        src, tgt = (int(lengths[indices].max()) for lengths in self.lengths)
        return src, tgt


def plan_epoch(
    pairs_of_epoch: Callable[[int], Pairs], settings: TrainSettings, epoch: int
) -> Epoch:
    """The epoch's batches. Raises UserError where all of its pairs are too long, and dropped."""
    pairs, most = pairs_of_epoch(epoch), settings.max_tokens
    longest = np.maximum(pairs.src.lengths, pairs.tgt.lengths)
    lengths = np.minimum(pairs.src.lengths, most), np.minimum(pairs.tgt.lengths, most)
    truncates = settings.too_long == "truncate"
    kept = np.arange(len(pairs)) if truncates else np.flatnonzero(longest <= most)
    if not len(kept):
        raise UserError(
            f"no training pair is left: all {len(pairs)} are longer than train.max_tokens "
            f"({most}); the shortest has {longest.min()} tokens"
        )
    plan = plan_batches(
        lengths[0][kept],
        lengths[1][kept],
        BatchLimits(settings.batch_tokens, settings.batch_sentences),
        settings.seed,
        epoch,
    )
    batches = [kept[indices] for indices in plan]
    size = settings.accumulate_batches
    steps = [batches[start : start + size] for start in range(0, len(batches), size)]
    return Epoch(pairs, most, lengths, steps, int((longest > most).sum()))
