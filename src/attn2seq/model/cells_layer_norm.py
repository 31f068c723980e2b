"""The LSTM with layer normalisation, in a loop over time.

Shapes: T positions, B batch, I input units, H hidden units, G = 4H gate units.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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

    def forward(
        self, inputs_TBI: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
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
