"""The average of looks: which are kept, what their mean is, and that it becomes the model."""

import math
from collections.abc import Callable

import pytest
import torch
from training_runs import digest

from attn2seq.training.averaging import CheckpointAverage
from attn2seq.training.evaluation import evaluate_pairs
from attn2seq.training.loop import Trainer

LOOKS = [(10, 3.0), (20, 1.0), (30, math.nan), (40, 2.0), (50, 4.0), (60, math.inf)]


@pytest.mark.parametrize(("of", "steps"), [("last", [40, 50]), ("best", [20, 40])])
def test_which_looks_are_kept(of: str, steps: list[int]) -> None:
    average = CheckpointAverage(2, of)
    for step, loss in LOOKS:
        average.add(step, loss, {"w": torch.tensor([float(step), 1.0])})
    assert average.steps() == steps
    assert average.mean()["w"].tolist() == [sum(steps) / 2, 1.0]
    other = CheckpointAverage(2, of)
    other.restore(average.state())
    other.add(70, 0.5, {"w": torch.zeros(2)})
    assert other.steps() == [steps[1] if of == "last" else 20, 70]


def test_fewer_looks_than_asked_for() -> None:
    average = CheckpointAverage(5, "last")
    assert average.mean() == {}
    average.add(10, 1.0, {"w": torch.ones(1)})
    assert average.mean()["w"].tolist() == [1.0]


@pytest.mark.parametrize(("of", "steps"), [("last", [40, 50]), ("best", [20, 30])])
@pytest.mark.parametrize("number_type", ["float32", "bfloat16"])
def test_the_average_is_what_training_gives(
    trainer: Callable[..., Trainer],
    monkeypatch: pytest.MonkeyPatch,
    of: str,
    steps: list[int],
    number_type: str,
) -> None:
    changes = {"max_epochs": 9, "max_steps": 50, "number_type": number_type}
    made = trainer(average_checkpoints=2, average_of=of, tie_embeddings="all", **changes)
    weights_at: dict[int, dict[str, torch.Tensor]] = {}
    losses = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    real, precisions = made._dev_scores, set()

    def scores() -> dict[str, float | int]:
        precisions.add(torch.backends.cudnn.rnn.fp32_precision)
        weights_at[made.optimizer.step_number] = made.optimizer.weights()
        loss = next(losses, None)
        return real() if loss is None else {"dev_loss": loss, "dev_accuracy": 0.0}

    monkeypatch.setattr(made, "_dev_scores", scores)
    monkeypatch.setattr(made, "_say_progress", lambda *arguments: None)
    found = made.run()
    assert precisions == {"ieee"}  # of the average, too, which is scored when training has ended
    expected = {
        name: sum(weights_at[step][name].double() for step in steps).float() / 2 for name in found
    }
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-7)
    made.model.load_state_dict(found, strict=False)
    loss = evaluate_pairs(made.model, made.dev_pairs, made.limits, made.device).loss
    assert made.kept["dev_loss"] == loss
    assert made.kept["train_loss"] == next(
        row["train_loss"] for row in made.history.rows if row["step"] == steps[-1]
    )


@pytest.mark.parametrize("count", [0, 1])
def test_without_an_average_the_best_look_is_kept(
    trainer: Callable[..., Trainer], count: int
) -> None:
    made = trainer(learning_rate=1.0, clip_norm=0.0, max_steps=40, average_checkpoints=count)
    weights = made.run()
    assert made.average.steps() == []
    assert made.kept["dev_loss"] == made.progress.best_loss
    assert digest(weights) == digest(made.progress.best_weights)
