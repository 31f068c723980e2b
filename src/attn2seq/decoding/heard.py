"""Recordings for the searches, which know sources as rows of tokens.

Shapes: B batch, S frames, F mel bins, P positions of the encoder, N rows of a step, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attn2seq.decoding.search import StepModel
from attn2seq.features.settings import positions
from attn2seq.tokenization.tokenizer import UNK_ID


@dataclass(frozen=True)
class Heard:
    """A StepModel for one batch, since it holds the batch's frames.

    A search is given the encoder's positions in their place, as unknown tokens: so it measures
    lengths in what it attends to.
    """

    model: StepModel[Any, Any]
    frames_BSF: Tensor
    lengths_B: Tensor  # in frames, on the CPU

    def positions(self) -> tuple[Tensor, Tensor]:
        """What stands for the sources, `src_BP`, and their lengths."""
        lengths_B = torch.tensor([positions(length) for length in self.lengths_B.tolist()])
        shape = len(lengths_B), int(lengths_B.max())
        return torch.full(shape, UNK_ID, device=self.frames_BSF.device), lengths_B

    def encode(self, src_BP: Tensor, src_lengths_B: Tensor) -> Any:
        """The recordings, whatever stands for them."""
        return self.model.encode(self.frames_BSF, self.lengths_B)

    def initial_state(self, encoded: Any) -> Any:
        """The model's own."""
        return self.model.initial_state(encoded)

    def decode_step(
        self, tokens_N: Tensor, state: Any, encoded: Any
    ) -> tuple[Tensor, Tensor | None, Any]:
        """The model's own."""
        return self.model.decode_step(tokens_N, state, encoded)
