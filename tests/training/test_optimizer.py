import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings

Make = Callable[..., TrainSettings]


def set_grads(model: nn.Module, seed: int, scale: float = 1.0) -> None:
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn_like(parameter)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_float32_equals_torch(train_settings: Make, kind: str) -> None:
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    settings = train_settings(optimizer=kind, weight_decay=0.1, clip_norm=0.5, warmup_steps=4)
    optimizer = Optimizer(ours, settings, total_steps=10)
    reference = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        theirs.parameters(), lr=0.01, betas=(0.9, 0.98), weight_decay=0.1
    )
    for step in range(1, 6):
        set_grads(ours, step)
        set_grads(theirs, step)
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        reference.param_groups[0]["lr"] = 0.01 * min(1.0, step / 4)
        reference.step()
        optimizer.take_gradients()
        assert optimizer.step() == pytest.approx(float(norm))
    for left, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(left, right)


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
    optimizer = Optimizer(model, train_settings(), total_steps=9)
    set_grads(model, 1, scale=float("nan"))
    optimizer.take_gradients()
    assert optimizer.step() != optimizer.step_number
    for parameter, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, old)


def test_a_restored_optimizer_goes_on_alike(train_settings: Make) -> None:
    models = [nn.Linear(3, 2).bfloat16() for _ in range(2)]
    first = Optimizer(models[0], train_settings(), total_steps=9)
    for step in range(3):
        set_grads(models[0], step)
        first.take_gradients()
        first.step()
    second = Optimizer(models[1], train_settings(), total_steps=9)
    second.restore(copy.deepcopy(first.state()))
    for step in range(3, 6):
        for model, optimizer in zip(models, (first, second), strict=True):
            set_grads(model, step)
            optimizer.take_gradients()
            optimizer.step()
    for left, right in zip(first.masters, second.masters, strict=True):
        assert torch.equal(left, right)
    assert torch.equal(models[0].weight, models[1].weight)
