"""What a search asks of a model: one step at a time, over rows it may reorder and repeat.

Shapes: B batch, S source positions, N rows of a step, V target vocabulary.
"""

from typing import Protocol, Self, TypeVar

from torch import Tensor


class Selectable(Protocol):
    """Something with rows along its first dimension."""

    def select(self, index_N: Tensor, /) -> Self:
        """The rows at `index_N`, in that order, repeats allowed."""
        ...


E = TypeVar("E", bound=Selectable)
S = TypeVar("S", bound=Selectable)


class StepModel(Protocol[E, S]):
    """A model that continues target sentences token by token; E: encoded source, S: state."""

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor, /) -> E:
        """The source batch; lengths count eos."""
        ...

    def initial_state(self, encoded: E, /) -> S:
        """The state before the first target token, a row for each of `encoded`."""
        ...

    def decode_step(
        self, tokens_N: Tensor, state: S, encoded: E, /
    ) -> tuple[Tensor, Tensor | None, S]:
        """From the last tokens to `log_probs_NV` (float32), `attn_weights_NS` or None, next state.

        The log-probabilities are the caller's to overwrite.
        """
        ...
