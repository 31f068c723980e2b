"""The step of onset is where a curve crosses its level for good."""

import pytest

from benchmarks.onset import crossing

STEPS = [100, 200, 300, 400]


@pytest.mark.parametrize(
    ("values", "level", "rising", "step"),
    [
        ([3.0, 2.0, 1.0, 0.5], 1.5, False, 250),
        ([3.0, 1.4, 1.6, 1.4], 1.5, False, 350),  # for good
        ([3.0, 2.9, 2.8, 2.7], 1.5, False, None),
        ([0.9, 0.1, 0.3, 0.5], 0.4, True, 350),  # high at first, before anything is learned
        ([0.9, 0.1, 0.1, 0.1], 0.4, True, None),
        ([0.9, 0.8, 0.8, 0.9], 0.4, True, None),
    ],
)
def test_worked_examples(
    values: list[float], level: float, rising: bool, step: float | None
) -> None:
    assert crossing(STEPS, values, level, rising) == (None if step is None else pytest.approx(step))
