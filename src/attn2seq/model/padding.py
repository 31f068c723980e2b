"""Sentences of several lengths in one batch, and what stands past their ends.

Shapes: B batch, T positions, I units.
"""

import torch
from torch import Tensor


def past_ends(values_BTI: Tensor, lengths_B: Tensor) -> Tensor:
    """Where each sentence has ended, BT1; `lengths_B` lies on the device of the values."""
    positions_T = torch.arange(values_BTI.shape[1], device=values_BTI.device)
    return (positions_T >= lengths_B[:, None])[:, :, None]


def last_states(states_TBI: Tensor, lengths_B: Tensor) -> Tensor:
    """The state BI after each sentence's own last position."""
    index_1BI = (lengths_B - 1)[None, :, None].expand_as(states_TBI[:1])
    return states_TBI.gather(0, index_1BI)[0]
