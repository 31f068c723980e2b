"""Several models as one: at each step the mean of their probabilities.

Each may read the source in pieces of its own; the target vocabulary they share.

Shapes: B batch, S source positions, N rows of a step, V target vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attn2seq.decoding.step_model import Selectable, StepModel

Member = StepModel[Any, Any]


@dataclass(frozen=True)
class Members:
    """The members' encoded sources, or their states."""

    each: tuple[Selectable, ...]

    def select(self, index_N: Tensor) -> "Members":
        """The rows at `index_N` of each."""
        return Members(tuple(one.select(index_N) for one in self.each))


@dataclass(frozen=True)
class Ensemble:
    """A StepModel for one batch, since it holds the batch as the further members read it."""

    first: Member
    others: Sequence[tuple[Member, Tensor, Tensor]]  # each with its src_BS and src_lengths_B

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Members:
        """The batch as the first member reads it is given, the others have theirs."""
        batches = [(self.first, src_BS, src_lengths_B), *self.others]
        return Members(tuple(model.encode(src, lengths) for model, src, lengths in batches))

    def initial_state(self, encoded: Members) -> Members:
        """Each member's own."""
        pairs = zip(self._models, encoded.each, strict=True)
        return Members(tuple(model.initial_state(one) for model, one in pairs))

    def decode_step(
        self, tokens_N: Tensor, state: Members, encoded: Members
    ) -> tuple[Tensor, Tensor | None, Members]:
        """The log of the mean probability; the first member's attention, since others may cut the
        source elsewhere.
        """
        steps = [
            model.decode_step(tokens_N, *rows)
            for model, *rows in zip(self._models, state.each, encoded.each, strict=True)
        ]
        log_probs_MNV = torch.stack([log_probs_NV for log_probs_NV, _, _ in steps])
        # Rounding must not lift it above 0: the early stop of the beam rests on that.
        mean_NV = (log_probs_MNV.logsumexp(dim=0) - math.log(len(steps))).clamp(max=0.0)
        return mean_NV, steps[0][1], Members(tuple(after for _, _, after in steps))

    @property
    def _models(self) -> list[Member]:
        return [self.first, *(model for model, _, _ in self.others)]
