"""A moving average of the weights, which is often better than the last of them."""

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """average = decay * average + (1 - decay) * weights, after each optimizer step.

    Polyak and Juditsky 1992, with exponential weights. The decay of step t is at most
    (1 + t) / (10 + t), so that the random start weights are soon forgotten.
    """

    def __init__(self, weights: list[Tensor], decay: float) -> None:
        self.decay = decay
        self.averages = [weight.clone() for weight in weights]

    def update(self, weights: list[Tensor], step: int) -> None:
        """Take in the weights after optimizer step `step`, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self.averages, weights, step)

    def state(self) -> list[Tensor]:
        """All that a resumed run needs, on the CPU."""
        return [average.to("cpu", copy=True) for average in self.averages]

    @torch.no_grad()
    def restore(self, state: list[Tensor]) -> None:
        """Go on from `state`."""
        for average, saved in zip(self.averages, state, strict=True):
            average.copy_(saved)
