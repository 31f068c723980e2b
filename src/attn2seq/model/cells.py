"""Recurrent cells that torch does not have, over sentences of any length and in both directions.

Shapes: B batch, T positions, I input units, H units of one direction, D those of all directions,
G = 4H gate units.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = tuple[Tensor, ...]


class LayerNormLSTM(nn.Module):
    """Eqs. 20 to 22 in Ba et al. 2016, arXiv 1607.06450.

    (i, f, o, g)_t = LN(W x_t) + LN(U h_(t-1)) + b
    c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g)
    h_t = sigmoid(o) tanh(LN(c_t))

    Each LN has gains of its own; the shifts of the first two would add to b, so that b alone stands
    for all three. W x_t and its LN are computed for all positions at once, before the loop.
    """

    state_parts = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input = nn.Linear(input_size, 4 * hidden_size, bias=False)
        self.hidden = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.input_norm = nn.LayerNorm(4 * hidden_size, bias=False)
        self.hidden_norm = nn.LayerNorm(4 * hidden_size, bias=False)
        self.memory_norm = nn.LayerNorm(hidden_size)
        bias_G = torch.zeros(4 * hidden_size)
        # A forget gate that starts open lets gradients reach far back (Jozefowicz et al. 2015).
        bias_G[hidden_size : 2 * hidden_size] = 1.0
        self.bias = nn.Parameter(bias_G)

    def forward(self, inputs_TBI: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs TBH from the state (h, c), and the states after each position, TBH each."""
        h_BH, c_BH = state
        width = h_BH.shape[-1]
        sizes = (3 * width, width)
        outputs, memories = [], []
        for products_BG in (self.input_norm(self.input(inputs_TBI)) + self.bias).unbind(0):
            gates_BG = products_BG + self.hidden_norm(F.linear(h_BH, self.hidden.weight))
            opened, cell_input_BH = gates_BG.split(sizes, dim=-1)
            i_BH, f_BH, o_BH = torch.sigmoid(opened).chunk(3, dim=-1)
            c_BH = torch.addcmul(f_BH * c_BH, i_BH, torch.tanh(cell_input_BH))
            h_BH = o_BH * torch.tanh(self.memory_norm(c_BH))
            outputs.append(h_BH)
            memories.append(c_BH)
        outputs_TBH = torch.stack(outputs)
        return outputs_TBH, (outputs_TBH, torch.stack(memories))


class LRN(nn.Module):
    """The lightweight recurrent network: Zhang and Sennrich 2019, arXiv 1905.13324, section 3.

    q_t, k_t, v_t = W x_t + b
    i_t = sigmoid(k_t + h_(t-1))
    f_t = sigmoid(q_t - h_(t-1))
    h_t = tanh(i_t v_t + f_t h_(t-1))

    The products with W are computed for all positions at once; what is left for the loop over time
    goes unit by unit. The paper has no b; docs/experiments.md says what it does.
    """

    state_parts = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input = nn.Linear(input_size, 3 * hidden_size)
        nn.init.xavier_uniform_(self.input.weight)

    def forward(self, inputs_TBI: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs TBH from the state (h,), and the states after each position, which they are."""
        (h_BH,) = state
        states = []
        for q_BH, k_BH, v_BH in zip(*self.input(inputs_TBI).chunk(3, dim=-1), strict=True):
            i_BH, f_BH = torch.sigmoid(k_BH + h_BH), torch.sigmoid(q_BH - h_BH)
            h_BH = torch.tanh(torch.addcmul(f_BH * h_BH, i_BH, v_BH))
            states.append(h_BH)
        states_TBH = torch.stack(states)
        return states_TBH, (states_TBH,)


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
        self, inputs_BTI: Tensor, state: State | None, lengths_B: Tensor | None
    ) -> tuple[Tensor, State]:
        """As `RecurrentLayer.forward`."""
        batch, positions, _ = inputs_BTI.shape
        device = inputs_BTI.device
        if lengths_B is None:
            lengths_B = torch.full((batch,), positions, device=device)
        lengths_B = lengths_B.to(device, non_blocking=True)
        count = len(self.cells)
        if state is None:
            zeros_BD = inputs_BTI.new_zeros(batch, count * self.size)
            state = (zeros_BD,) * self.state_parts
        padding_BT1 = past_ends(inputs_BTI, lengths_B)
        # A weight's gradient is a sum over all inputs, and must not meet what stands in padding.
        inputs_BTI = inputs_BTI.masked_fill(padding_BT1, 0)
        outputs, lasts = [], []
        for number, cell in enumerate(self.cells):
            start = tuple(part_BD.chunk(count, dim=-1)[number] for part_BD in state)
            read_BTI = _turn_round(inputs_BTI, lengths_B) if number else inputs_BTI
            outputs_TBH, states = cell(read_BTI.transpose(0, 1), start)
            outputs_BTH = outputs_TBH.transpose(0, 1)
            outputs.append(_turn_round(outputs_BTH, lengths_B) if number else outputs_BTH)
            lasts.append([last_states(part_TBH, lengths_B) for part_TBH in states])
        outputs_BTD = torch.cat(outputs, dim=-1).masked_fill(padding_BT1, 0)
        return outputs_BTD, tuple(torch.cat(parts, dim=-1) for parts in zip(*lasts, strict=True))


def past_ends(values_BTI: Tensor, lengths_B: Tensor) -> Tensor:
    """Where each sentence has ended, BT1; `lengths_B` lies on the device of the values."""
    positions_T = torch.arange(values_BTI.shape[1], device=values_BTI.device)
    return (positions_T >= lengths_B[:, None])[:, :, None]


def last_states(states_TBI: Tensor, lengths_B: Tensor) -> Tensor:
    """The state BI after each sentence's own last position."""
    index_1BI = (lengths_B - 1)[None, :, None].expand_as(states_TBI[:1])
    return states_TBI.gather(0, index_1BI)[0]


def _turn_round(values_BTI: Tensor, lengths_B: Tensor) -> Tensor:
    """Each sentence from its end to its start, the padding where it was; its own inverse.

    Lengths 3 and 2 turn `a b c` and `d e -` into `c b a` and `e d -`.
    """
    positions_T = torch.arange(values_BTI.shape[1], device=values_BTI.device)
    mirrored_BT = lengths_B[:, None] - 1 - positions_T
    index_BT = torch.where(mirrored_BT >= 0, mirrored_BT, positions_T)
    return values_BTI.gather(1, index_BT[:, :, None].expand_as(values_BTI))
