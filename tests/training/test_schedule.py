"""The rate against closed formulas and against torch's own schedules."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from attn2seq.training.loop import Trainer
from attn2seq.training.optimizer import rate_factor
from attn2seq.training.settings import TrainSettings

Make = Callable[..., TrainSettings]


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("constant", 50, 0.5),
        ("constant", 150, 1.0),
        ("cosine", 100, 1.0),
        ("cosine", 150, 0.5),
        ("cosine", 200, 0.0),
        ("cosine", 999, 0.0),
        ("cosine", 125, 0.8535533905932737),
        ("step", 50, 0.5),
        ("step", 109, 1.0),  # the 10th step at the top rate
        ("step", 110, 0.3),
        ("step", 135, 0.3**3),
        ("plateau", 50, 0.5),
        ("plateau", 150, 0.3**2),
        ("inverse_sqrt", 100, 1.0),
        ("inverse_sqrt", 400, 0.5),
    ],
)
def test_worked_values(train_settings: Make, schedule: str, step: int, factor: float) -> None:
    settings = train_settings(
        schedule=schedule, warmup_steps=100, schedule_every_steps=10, schedule_factor=0.3
    )
    assert rate_factor(settings, step, total_steps=200, rate_cuts=2) == pytest.approx(factor)


@pytest.mark.parametrize("schedule", ["constant", "step", "plateau", "cosine", "inverse_sqrt"])
def test_no_warmup_starts_at_the_top(train_settings: Make, schedule: str) -> None:
    settings = train_settings(schedule=schedule, warmup_steps=0)
    assert rate_factor(settings, 1, total_steps=1000, rate_cuts=0) > 0.99


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        ("step", lambda optimizer: StepLR(optimizer, step_size=7, gamma=0.3)),
        ("cosine", lambda optimizer: CosineAnnealingLR(optimizer, T_max=40)),
    ],
)
def test_equals_torch(
    train_settings: Make,
    schedule: str,
    theirs: Callable[[torch.optim.Optimizer], LRScheduler],
) -> None:
    settings = train_settings(schedule=schedule, schedule_every_steps=7, schedule_factor=0.3)
    reference = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = theirs(reference)
    for step in range(1, 41):
        # Torch counts the steps made, and the cosine's first step here is one on its way.
        if schedule == "cosine":
            reference.step()
            scheduler.step()
        found = rate_factor(settings, step, total_steps=40, rate_cuts=0)
        assert found == pytest.approx(reference.param_groups[0]["lr"])
        if schedule == "step":
            reference.step()
            scheduler.step()


def test_a_plateau_of_the_dev_loss_lowers_the_rate_as_torch_does(
    trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's patience counts the bad looks that are borne, ours those after which it falls."""
    losses = [3.0, 2.0, 2.5, 2.0, 1.0, 1.5, math.nan, 1.5, 1.5, 0.5, 0.6]
    made = trainer(
        max_epochs=40, max_steps=len(losses), evaluate_every_steps=1, log_every_steps=1,
        schedule="plateau", schedule_patience=2, schedule_factor=0.5,
    )  # fmt: skip
    scores = [{"dev_loss": loss, "dev_perplexity": 1.0, "dev_accuracy": 0.0} for loss in losses]
    looks = iter(scores)
    monkeypatch.setattr(made, "_dev_scores", lambda: next(looks))
    made.run()
    reference = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.01)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        reference, factor=0.5, patience=1, threshold=0.0
    )
    expected = []
    for loss in losses:
        expected.append(reference.param_groups[0]["lr"])  # of the step before the look
        reference.step()
        scheduler.step(loss)
    found = [row["train_learning_rate"] for row in made.history.rows]
    assert found == pytest.approx(expected)
    assert found[-1] == 0.01 / 8
