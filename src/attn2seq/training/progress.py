"""How far a training has come."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Progress:
    """With the optimizer's, the averages' and the random states, all that a resume needs."""

    epoch: int = 0  # passes finished
    epoch_steps: int = 0  # optimizer steps made in this pass
    tokens: int = 0  # target tokens seen since the start
    best_loss: float = float("inf")  # lowest dev loss, nats a token
    best_step: int = 0
    looks_without_gain: int = 0
    finished: bool = False
    # Summed since the last row of the history; where the model is, so that no step waits for it.
    window_loss: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    window_tokens: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
