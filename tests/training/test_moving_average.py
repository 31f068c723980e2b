"""The averaged weights follow the formula, and are what a look at dev sees and keeps."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from training_runs import digest

from attn2seq.training.averaging import MovingAverage
from attn2seq.training.evaluation import evaluate_pairs
from attn2seq.training.loop import Trainer
from attn2seq.training.optimizer import Optimizer
from attn2seq.training.settings import TrainSettings


def test_worked_example() -> None:
    """The first decays are 2/11 and 3/12, below the 0.5 that is asked for."""
    average = MovingAverage([torch.tensor([11.0])], decay=0.5)
    average.update([torch.tensor([0.0])], step=1)
    assert float(average.averages[0]) == pytest.approx(2.0)
    average.update([torch.tensor([6.0])], step=2)
    assert float(average.averages[0]) == pytest.approx(2.0 / 4 + 6.0 * 3 / 4)


def test_once_warm_it_equals_torchs_averaged_model() -> None:
    torch.manual_seed(1)
    model = nn.Linear(3, 2)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(model)  # the first call copies
    ours = MovingAverage(list(model.parameters()), decay=0.9)
    for step in range(1000, 1010):
        with torch.no_grad():
            for weight in model.parameters():
                weight += torch.randn_like(weight)
        theirs.update_parameters(model)
        ours.update([weight.detach() for weight in model.parameters()], step)
    for left, right in zip(ours.averages, theirs.module.parameters(), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("number_type", [torch.float32, torch.bfloat16])
def test_the_model_has_the_averages_within_the_block_alone(
    train_settings: Callable[..., TrainSettings], number_type: torch.dtype
) -> None:
    model = nn.Linear(2, 2, bias=False).to(number_type)
    optimizer = Optimizer(model, train_settings(ema_decay=0.9), total_steps=9)
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.take_gradients()
    optimizer.step()
    trained = model.weight.detach().clone()
    with optimizer.averaged():
        assert torch.equal(model.weight, optimizer.weights()["weight"].to(number_type))
        assert not torch.equal(model.weight, trained)
    assert torch.equal(model.weight, trained)


def test_a_look_at_dev_sees_and_keeps_the_averages(trainer: Callable[..., Trainer]) -> None:
    plain, averaged = (
        trainer("plain", max_steps=20),
        trainer("averaged", max_steps=20, ema_decay=0.9),
    )
    assert digest(plain.run()) != (kept := digest(averaged.run()))
    for left, right in zip(plain.optimizer.masters, averaged.optimizer.masters, strict=True):
        assert torch.equal(left, right)  # training itself does not know of them
    assert kept == digest(averaged.optimizer.weights())
    averaged.model.load_state_dict(averaged.optimizer.weights())
    scores = evaluate_pairs(averaged.model, averaged.dev_pairs, averaged.limits, averaged.device)
    assert averaged.history.rows[-1]["dev_loss"] == scores.loss
    assert averaged.history.rows[-1]["dev_loss"] != plain.history.rows[-1]["dev_loss"]
