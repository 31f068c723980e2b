"""The lightweight recurrent network: no matrix between one position and the next.

Shapes: T positions, B batch, I input units, H hidden units.
"""

import torch
from torch import Tensor, nn


class LRN(nn.Module):
    """Zhang and Sennrich 2019, arXiv 1905.13324, section 3.

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

    def forward(
        self, inputs_TBI: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Outputs TBH from the state (h,), and the states after each position, which they are."""
        (h_BH,) = state
        states = []
        for q_BH, k_BH, v_BH in zip(*self.input(inputs_TBI).chunk(3, dim=-1), strict=True):
            i_BH, f_BH = torch.sigmoid(k_BH + h_BH), torch.sigmoid(q_BH - h_BH)
            h_BH = torch.tanh(torch.addcmul(f_BH * h_BH, i_BH, v_BH))
            states.append(h_BH)
        states_TBH = torch.stack(states)
        return states_TBH, (states_TBH,)
