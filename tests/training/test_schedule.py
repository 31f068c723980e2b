import pytest

from attn2seq.training.schedule import rate_factor


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("constant", 50, 0.5),
        ("constant", 150, 1.0),
        ("linear", 100, 1.0),
        ("linear", 150, 0.5),
        ("linear", 200, 0.0),
        ("linear", 999, 0.0),
        ("cosine", 150, 0.5),
        ("cosine", 125, 0.8535533905932737),
        ("inverse_sqrt", 100, 1.0),
        ("inverse_sqrt", 400, 0.5),
    ],
)
def test_worked_values(schedule: str, step: int, factor: float) -> None:
    assert rate_factor(schedule, step, warmup_steps=100, total_steps=200) == pytest.approx(factor)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "inverse_sqrt"])
def test_no_warmup_starts_at_the_top(schedule: str) -> None:
    assert rate_factor(schedule, 1, warmup_steps=0, total_steps=1000) > 0.99


def test_an_unknown_schedule_is_an_error() -> None:
    with pytest.raises(ValueError, match="sawtooth"):
        rate_factor("sawtooth", 10, 0, 10)
