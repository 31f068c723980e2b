"""Each optimizer against torch's own on a model of float32, and what the masters are for."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings

Make = Callable[..., TrainSettings]
TORCHS: dict[str, Callable[[float], Any]] = {
    "sgd": lambda beta2: torch.optim.SGD,
    "rmsprop": lambda beta2: partial(torch.optim.RMSprop, alpha=beta2),
    "adam": lambda beta2: partial(torch.optim.Adam, betas=(0.9, beta2)),
    "adamw": lambda beta2: partial(torch.optim.AdamW, betas=(0.9, beta2)),
}


def set_grads(model: nn.Module, seed: int, scale: float = 1.0) -> None:
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = scale * torch.randn_like(parameter)


def take_step(optimizer: Optimizer, model: nn.Module, seed: int) -> float:
    set_grads(model, seed)
    optimizer.take_gradients()
    return optimizer.step()


@pytest.mark.parametrize("beta2", [0.9, 0.98])
@pytest.mark.parametrize(
    ("kind", "momentum"),
    [("sgd", 0.0), ("sgd", 0.9), ("rmsprop", 0.0), ("rmsprop", 0.9), ("adam", 0.0), ("adamw", 0.0)],
)
def test_float32_equals_torch(
    train_settings: Make, kind: str, momentum: float, beta2: float
) -> None:
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    settings = train_settings(
        optimizer=kind, momentum=momentum, adam_beta2=beta2, weight_decay=0.1, clip_norm=0.5,
        warmup_steps=4,
    )  # fmt: skip
    optimizer = Optimizer(ours, settings, total_steps=10)
    reference = TORCHS[kind](beta2)(
        theirs.parameters(),
        lr=0.01,
        weight_decay=0.1,
        **({"momentum": momentum} if momentum else {}),
    )
    for step in range(1, 6):
        set_grads(theirs, step)
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        reference.param_groups[0]["lr"] = 0.01 * min(1.0, step / 4)
        reference.step()
        assert take_step(optimizer, ours, step) == pytest.approx(float(norm))
    for left, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(left, right)


def test_gradients_are_summed_until_the_step(train_settings: Make) -> None:
    """In float32, where bfloat16 would lose the small ones beside the large."""
    model = nn.Linear(1, 1, bias=False).bfloat16()
    optimizer = Optimizer(model, train_settings(optimizer="sgd", clip_norm=0.0), total_steps=9)
    for grad in (1.0, 1e-3, 1e-3, 1e-3):
        model.weight.grad = torch.full_like(model.weight, grad)
        optimizer.take_gradients()
        assert model.weight.grad is None
    assert optimizer.step() == pytest.approx(1.003, abs=1e-5)
    assert optimizer.step() == 0.0


def test_frozen_weights_stay_and_are_kept(train_settings: Make) -> None:
    """A decay would move them even without a gradient."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    settings = train_settings(weight_decay=0.5, ema_decay=0.5)
    optimizer = Optimizer(model, settings, total_steps=9)
    take_step(optimizer, model, 1)
    kept = optimizer.weights()
    assert set(kept) == set(before)
    for name, weight in before.items():
        assert torch.equal(model.state_dict()[name], weight) == name.startswith("0.")
        assert torch.equal(kept[name], weight) == name.startswith("0.")


def test_masters_keep_updates_that_bfloat16_would_lose(train_settings: Make) -> None:
    model = nn.Linear(1, 1, bias=False).bfloat16()
    with torch.no_grad():
        model.weight.fill_(1.0)
    optimizer = Optimizer(model, train_settings(learning_rate=1e-3, clip_norm=0.0), total_steps=9)
    for _ in range(8):
        # bfloat16 has steps of 1/128 below 1: a single update of 1/1000 rounds away
        model.weight.grad = torch.ones_like(model.weight)
        optimizer.take_gradients()
        optimizer.step()
    assert float(optimizer.masters[0]) == pytest.approx(1 - 8e-3, abs=1e-4)
    assert model.weight.item() == pytest.approx(1 - 1 / 128)


def test_no_finite_gradient_changes_nothing(train_settings: Make) -> None:
    model = nn.Linear(2, 2)
    before = [parameter.clone() for parameter in model.parameters()]
    optimizer = Optimizer(model, train_settings(weight_decay=0.1), total_steps=9)
    set_grads(model, 1, scale=float("nan"))
    optimizer.take_gradients()
    norm = optimizer.step()
    assert norm != norm
    for parameter, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, old)


@pytest.mark.parametrize("kind", TORCHS)
def test_a_restored_optimizer_goes_on_alike(train_settings: Make, kind: str) -> None:
    models = [nn.Linear(3, 2).bfloat16() for _ in range(2)]
    settings = train_settings(
        optimizer=kind, momentum=0.9 if kind in ("sgd", "rmsprop") else 0.0, ema_decay=0.9,
        schedule="plateau",
    )  # fmt: skip
    first = Optimizer(models[0], settings, total_steps=9)
    first.rate_cuts = 2
    for step in range(3):
        take_step(first, models[0], step)
    second = Optimizer(models[1], settings, total_steps=9)
    second.restore(copy.deepcopy(first.state()))
    assert second.learning_rate == first.learning_rate == 0.01 / 4
    for step in range(3, 6):
        for model, optimizer in zip(models, (first, second), strict=True):
            take_step(optimizer, model, step)
    for left, right in zip(first.masters, second.masters, strict=True):
        assert torch.equal(left, right)
    for name, weight in first.weights().items():
        assert torch.equal(weight, second.weights()[name])
    assert torch.equal(models[0].weight, models[1].weight)
