"""What the encoder leaves for the decoder.

Shapes: B batch, S source positions, H encoder state, A attention units, N rows chosen.
"""

from dataclasses import dataclass

from torch import Tensor

from attn2seq.model.recurrent import State


@dataclass(frozen=True)
class Encoded:
    """An encoded source batch: all that the decoder knows of it."""

    src_BS: Tensor  # ids, for copying
    src_mask_BS: Tensor  # bool, True where a real token stands
    enc_states_BSH: Tensor
    keys_BSA: Tensor | None  # projected states for the attention; None without attention
    final_states: tuple[State, ...]  # of each encoder layer

    def select(self, index_N: Tensor) -> "Encoded":
        """The sentences at `index_N`, in that order, repeats allowed."""
        return Encoded(
            self.src_BS[index_N],
            self.src_mask_BS[index_N],
            self.enc_states_BSH[index_N],
            None if self.keys_BSA is None else self.keys_BSA[index_N],
            select_states(self.final_states, index_N),
        )


def select_states(states: tuple[State, ...], index_N: Tensor) -> tuple[State, ...]:
    """The rows at `index_N` of every part of every layer's state."""
    return tuple(tuple(part[index_N] for part in state) for state in states)
