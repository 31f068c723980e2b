"""Updates of float32 master weights, whatever number type the model computes in."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from attn2seq.training.averaging import MovingAverage
from attn2seq.training.settings import TrainSettings


class Optimizer:
    """One step: float32 gradients, clipping, the scheduled rate, the update, back to the model.

    A bfloat16 weight would lose most updates to rounding (Micikevicius et al. 2018, section 3.1),
    so the masters are kept in float32 and the model gets a rounded copy. Frozen weights have none.
    """

    def __init__(self, model: nn.Module, settings: TrainSettings, total_steps: int) -> None:
        self.settings = settings
        self.total_steps = total_steps
        self.step_number = 0
        self.rate_cuts = 0  # of the plateau schedule, by the caller
        named = dict(model.named_parameters())
        self.frozen = {name: weight for name, weight in named.items() if not weight.requires_grad}
        self.names = [name for name in named if name not in self.frozen]
        self.parameters: list[Tensor] = [named[name] for name in self.names]
        self.masters = [
            parameter.detach().to(torch.float32, copy=True) for parameter in self.parameters
        ]
        self.updates = _updates(self.masters, settings)
        self.average = (
            MovingAverage(self.masters, settings.ema_decay) if settings.ema_decay else None
        )

    @property
    def learning_rate(self) -> float:
        """The rate of the step just made, or of the first one."""
        step = max(1, self.step_number)
        factor = rate_factor(self.settings, step, self.total_steps, self.rate_cuts)
        return self.settings.learning_rate * factor

    def take_gradients(self) -> None:
        """Move the model's gradients to the masters, summed in float32 since the last step."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            grad = parameter.grad
            parameter.grad = None
            if grad is None:
                continue
            if master.grad is None:
                master.grad = grad.to(torch.float32)
            else:
                master.grad += grad

    def step(self, add_up: Callable[[list[Tensor]], None] = lambda grads: None) -> float:
        """Update the model from the gradients taken; gives their norm before clipping.

        `add_up` may add what other processes have taken. A norm that is not finite changes nothing:
        the caller sees it and decides.
        """
        self.step_number += 1
        grads = []
        for master in self.masters:
            if master.grad is None:
                master.grad = torch.zeros_like(master)
            grads.append(master.grad)
        add_up(grads)
        total_norm = nn.utils.get_total_norm(grads)
        norm = float(total_norm)
        max_norm = self.settings.clip_norm or float("inf")
        if norm > max_norm:  # not otherwise: it would multiply every gradient by one
            nn.utils.clip_grads_with_norm_(self.masters, max_norm, total_norm)
        if norm == norm and norm != float("inf"):
            self._update()
        self.drop_gradients()
        return norm

    def drop_gradients(self) -> None:
        """Forget the gradients taken since the last step."""
        for master in self.masters:
            master.grad = None

    def _update(self) -> None:
        for group in self.updates.param_groups:
            group["lr"] = self.learning_rate
        self.updates.step()
        self._load(self.masters)
        if self.average is not None:
            self.average.update(self.masters, self.step_number)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the block the model has the averaged weights, where they are averaged."""
        if self.average is None:
            yield
            return
        self._load(self.average.averages)
        try:
            yield
        finally:
            self._load(self.masters)

    @torch.no_grad()
    def _load(self, weights: list[Tensor]) -> None:
        """Give the model `weights`, rounded to its number type."""
        torch._foreach_copy_(self.parameters, weights)

    def checksum(self) -> int:
        """A number that differs where any bit of the master weights does, but for rare chance."""
        return int(sum(master.view(torch.int32).sum() for master in self.masters))

    def weights(self) -> dict[str, Tensor]:
        """A float32 copy of every weight on the CPU, by name: averaged, where they are averaged."""
        return self._named(self.masters if self.average is None else self.average.averages)

    def _named(self, weights: list[Tensor]) -> dict[str, Tensor]:
        trained = dict(zip(self.names, weights, strict=True))
        return {
            name: weight.detach().to("cpu", torch.float32, copy=True)
            for name, weight in (trained | self.frozen).items()
        }

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "step": self.step_number,
            "rate_cuts": self.rate_cuts,
            "masters": self._named(self.masters),
            "updates": self.updates.state_dict(),
            "average": None if self.average is None else self.average.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.step_number, self.rate_cuts = state["step"], state["rate_cuts"]
        with torch.no_grad():
            for name, master in zip(self.names, self.masters, strict=True):
                master.copy_(state["masters"][name])
        self.updates.load_state_dict(state["updates"])
        self._load(self.masters)
        if self.average is not None:
            self.average.restore(state["average"])


def _updates(masters: list[Tensor], settings: TrainSettings) -> torch.optim.Optimizer:
    """Torch's own optimizer."""
    rate, decay = settings.learning_rate, settings.weight_decay
    match settings.optimizer:
        case "sgd":
            return torch.optim.SGD(
                masters, rate, momentum=settings.momentum, weight_decay=decay, fused=True
            )
        case "rmsprop":
            return torch.optim.RMSprop(
                masters,
                rate,
                alpha=settings.adam_beta2,
                eps=1e-8,
                weight_decay=decay,
                momentum=settings.momentum,
            )
        case "adam" | "adamw":
            kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
            betas = (0.9, settings.adam_beta2)
            return kind(masters, rate, betas=betas, eps=1e-8, weight_decay=decay, fused=True)


def rate_factor(settings: TrainSettings, step: int, total_steps: int, rate_cuts: int) -> float:
    """The share of the highest rate used in optimizer step `step`, counted from 1.

    Over the warm-up it rises linearly to 1. Then: constant; cosine, down to 0 at
    `total_steps` (Loshchilov and Hutter 2017, without restarts); step, which falls by a factor
    each so many steps; plateau, which fell by that factor `rate_cuts` times so far; or
    inverse_sqrt, the square root of warmup/step (Vaswani et al. 2017, section 5.3).

    `cosine` in step 150 of 200 with a warm-up of 100 gives 0.5: half of the way is left.
    """
    warmup_steps = settings.warmup_steps
    if step < warmup_steps:
        return step / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    match settings.schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        case "step":
            falls = (step - max(1, warmup_steps)) // settings.schedule_every_steps
            return settings.schedule_factor**falls
        case "plateau":
            return settings.schedule_factor**rate_cuts
        case "inverse_sqrt":
            return math.sqrt(max(1, warmup_steps) / step)
