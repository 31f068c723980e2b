"""What cannot work together is refused, with the reason and the remedy."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from attn2seq.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_tokens": 50}, "batch_tokens must be above max_tokens"),
        ({"momentum": 0.9}, "adam has its own: set momentum to 0.0, or optimizer to sgd"),
        ({"momentum": 0.9, "optimizer": "adamw"}, "adamw has its own"),
        (
            {"schedule": "plateau", "patience": 3, "schedule_patience": 3},
            r"patience \(3\) ends training before schedule_patience \(3\) lowers the rate",
        ),
        ({"ema_decay": 1.0}, "less than 1"),
        ({"scheduled_sampling": 1.1}, "less than or equal to 1"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    train_settings: Callable[..., TrainSettings], changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        train_settings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.9, "optimizer": "sgd"},
        {"momentum": 0.9, "optimizer": "rmsprop"},
        {"schedule": "plateau", "patience": 4, "schedule_patience": 3},
        {"schedule": "plateau", "patience": 0, "schedule_patience": 3},
        {"schedule": "constant", "patience": 3, "schedule_patience": 3},
    ],
)
def test_what_works_is_not(
    train_settings: Callable[..., TrainSettings], changes: dict[str, object]
) -> None:
    assert train_settings(**changes).model_dump().items() >= changes.items()
