"""Weights averaged over the course of training, which are often better than the last ones."""

import math
from typing import Any

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


class CheckpointAverage:
    """Keeps the weights of the last or the best looks, and averages them.

    As Vaswani et al. 2017 (section 6.1) do with the last ones. A look whose dev loss is no finite
    number is never kept.
    """

    def __init__(self, count: int, of: str) -> None:
        """`of` is last, or best: the lowest dev loss."""
        self.count, self.of = count, of
        self.looks: list[tuple[int, float, dict[str, Tensor]]] = []  # step, dev loss, weights

    def add(self, step: int, loss: float, weights: dict[str, Tensor]) -> None:
        """Take in a look; steps must rise."""
        if not math.isfinite(loss):
            return
        self.looks.append((step, loss, weights))
        if len(self.looks) > self.count:
            places = range(len(self.looks))
            worst = max(places, key=lambda place: self.looks[place][1])
            self.looks.pop(worst if self.of == "best" else 0)

    def steps(self) -> list[int]:
        """Of the looks kept."""
        return [step for step, _, _ in self.looks]

    def mean(self) -> dict[str, Tensor]:
        """The average of the weights kept, in float32; empty where there are none."""
        kept = [weights for _, _, weights in self.looks]
        return {
            name: torch.stack([weights[name].double() for weights in kept]).mean(0).float()
            for name in (kept[0] if kept else ())
        }

    def state(self) -> list[Any]:
        """All that a resumed run needs."""
        return list(self.looks)

    def restore(self, state: list[Any]) -> None:
        """Go on from `state`."""
        self.looks = [(step, loss, weights) for step, loss, weights in state]
