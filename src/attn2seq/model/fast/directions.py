"""Cells that torch has none of: both directions over sentences of any length.

Shapes: B batch, T positions, I input units, H units of one direction, D those of all directions.
"""

import torch
from torch import Tensor, nn

from attn2seq.model.cells_layer_norm import LayerNormLSTM
from attn2seq.model.cells_lrn import LRN
from attn2seq.model.padding import last_states, past_ends

OWN_CELLS: dict[str, type[LayerNormLSTM | LRN]] = {"layer_norm_lstm": LayerNormLSTM, "lrn": LRN}


class Directions(nn.Module):
    """One cell forward, or two in opposite directions.

    A cell goes from position to position, `inputs_TBI, state -> outputs_TBH, states_TBH`, and
    knows no padding. For the backward one each sentence is turned round within its own length: so
    padding comes last for both, and the last state is taken from before it.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int, bidirectional: bool) -> None:
        super().__init__()
        kind = OWN_CELLS[cell]
        self.size, self.state_parts = hidden_size, kind.state_parts
        self.cells = nn.ModuleList(
            kind(input_size, hidden_size) for _ in range(2 if bidirectional else 1)
        )

    def forward(
        self, inputs_BTI: Tensor, state: tuple[Tensor, ...] | None, lengths_B: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `RecurrentLayer.forward`."""
        count = len(self.cells)
        if state is None:
            zeros_BD = inputs_BTI.new_zeros(len(inputs_BTI), count * self.size)
            state = (zeros_BD,) * self.state_parts
        if lengths_B is not None:
            lengths_B = lengths_B.to(inputs_BTI.device)
        # A weight's gradient is a sum over all inputs, and must not meet what stands in padding.
        inputs_BTI = _blank_padding(inputs_BTI, lengths_B)
        outputs, lasts = [], []
        for number, cell in enumerate(self.cells):
            start = tuple(part_BD.chunk(count, dim=-1)[number] for part_BD in state)
            read_BTI = _turn_round(inputs_BTI, lengths_B) if number else inputs_BTI
            outputs_TBH, states = cell(read_BTI.transpose(0, 1), start)
            outputs_BTH = outputs_TBH.transpose(0, 1)
            outputs.append(_turn_round(outputs_BTH, lengths_B) if number else outputs_BTH)
            lasts.append([_last(part_TBH, lengths_B) for part_TBH in states])
        outputs_BTD = _blank_padding(torch.cat(outputs, dim=-1), lengths_B)
        return outputs_BTD, tuple(torch.cat(parts, dim=-1) for parts in zip(*lasts, strict=True))


def _blank_padding(values_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Zeros past each sentence's end."""
    if lengths_B is None:
        return values_BTI
    return values_BTI.masked_fill(past_ends(values_BTI, lengths_B), 0)


def _turn_round(values_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Each sentence from its end to its start, the padding where it was; its own inverse.

    Lengths 3 and 2 turn `a b c` and `d e -` into `c b a` and `e d -`.
    """
    if lengths_B is None:
        return values_BTI.flip(1)
    positions_T = torch.arange(values_BTI.shape[1], device=values_BTI.device)
    mirrored_BT = lengths_B[:, None] - 1 - positions_T
    index_BT = torch.where(mirrored_BT >= 0, mirrored_BT, positions_T)
    return values_BTI.gather(1, index_BT[:, :, None].expand_as(values_BTI))


def _last(states_TBH: Tensor, lengths_B: Tensor | None) -> Tensor:
    """The state BH after each sentence's own last position."""
    return states_TBH[-1] if lengths_B is None else last_states(states_TBH, lengths_B)
