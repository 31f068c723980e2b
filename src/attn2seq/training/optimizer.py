"""Adam on float32 master weights, whatever number type the model computes in."""

from typing import Any

import torch
from torch import Tensor, nn

from attn2seq.training.schedule import rate_factor
from attn2seq.training.settings import TrainSettings


class Optimizer:
    """One step: float32 gradients, clipping, the scheduled rate, Adam, and back to the model.

    A bfloat16 weight would lose most updates to rounding (Micikevicius et al. 2018, section 3.1),
    so the masters are kept in float32 and the model gets a rounded copy.
    """

    def __init__(self, model: nn.Module, settings: TrainSettings, total_steps: int) -> None:
        self.settings = settings
        self.total_steps = total_steps
        self.step_number = 0
        self.parameters = list(model.parameters())
        self.names = [name for name, _ in model.named_parameters()]
        self.masters = [
            parameter.detach().to(torch.float32, copy=True) for parameter in self.parameters
        ]
        kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
        self.adam = kind(
            self.masters,
            lr=settings.learning_rate,
            betas=(0.9, settings.adam_beta2),
            eps=1e-8,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    @property
    def learning_rate(self) -> float:
        """The rate of the step just made, or of the first one."""
        step = max(1, self.step_number)
        factor = rate_factor(
            self.settings.schedule, step, self.settings.warmup_steps, self.total_steps
        )
        return self.settings.learning_rate * factor

    def step(self) -> float:
        """Update the model from its gradients and clear them; gives the norm before clipping.

        A norm that is not finite changes nothing: the caller sees it and decides.
        """
        self.step_number += 1
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            grad = parameter.grad
            master.grad = torch.zeros_like(master) if grad is None else grad.to(torch.float32)
            parameter.grad = None
        max_norm = self.settings.clip_norm or float("inf")
        norm = float(nn.utils.clip_grad_norm_(self.masters, max_norm))
        if norm != norm or norm == float("inf"):
            return norm
        for group in self.adam.param_groups:
            group["lr"] = self.learning_rate
        self.adam.step()
        self.load_masters()
        return norm

    @torch.no_grad()
    def load_masters(self) -> None:
        """Give the model the masters, rounded to its number type."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            parameter.copy_(master)

    def weights(self) -> dict[str, Tensor]:
        """A float32 copy of every weight on the CPU, by name."""
        return {
            name: master.detach().to("cpu", copy=True)
            for name, master in zip(self.names, self.masters, strict=True)
        }

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "step": self.step_number,
            "masters": self.weights(),
            "adam": self.adam.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.step_number = state["step"]
        with torch.no_grad():
            for name, master in zip(self.names, self.masters, strict=True):
                master.copy_(state["masters"][name])
        self.adam.load_state_dict(state["adam"])
        self.load_masters()
