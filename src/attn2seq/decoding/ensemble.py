"""Several models as one: at each step the mean of their probabilities. Loading them.

Each may read the source in pieces of its own; the target vocabulary they share.

Shapes: B batch, S source positions, N rows of a step, V target vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attn2seq.decoding.search import Selectable, StepModel
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import Tokenizer

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


@dataclass(frozen=True)
class Loaded:
    """A model with the tokenizer that cuts sources for it."""

    model: Seq2Seq
    src_tokenizer: Tokenizer | None  # None where it reads recordings
    src_vocabulary: bytes  # of src.model: where it is equal, sources are cut once


def load_members(folders: Sequence[Path], device: torch.device, dtype: torch.dtype) -> list[Loaded]:
    """The model of each folder.

    Raises UserError where one is no model, or has another target vocabulary than the first: then
    equal token ids would stand for different pieces.
    """
    members = [_loaded(folder, device, dtype) for folder in folders]
    for folder, member in zip(folders, members, strict=True):
        if (member.src_tokenizer is None) != (members[0].src_tokenizer is None):
            raise UserError(
                f"{folder} and {folders[0]} read sources of different kinds, texts and recordings: "
                "leave it out of decode.ensemble"
            )
    first, *others = (folder / "tgt.model" for folder in folders)
    for other in others:
        if not other.is_file() or other.read_bytes() != first.read_bytes():
            raise UserError(
                f"{other} is not the target vocabulary of {first}: an ensemble's models must have "
                "been trained on the same tokenized corpus; leave it out of decode.ensemble, or "
                "train it again with the same tokenize section"
            )
    return members


def _loaded(folder: Path, device: torch.device, dtype: torch.dtype) -> Loaded:
    model = load_model(folder, device, dtype)
    if model.source is not None:
        return Loaded(model, None, b"")
    path = folder / "src.model"
    return Loaded(model, Tokenizer(path), path.read_bytes())
