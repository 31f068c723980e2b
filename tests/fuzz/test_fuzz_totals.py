"""Enough was tried: this file comes last."""

from pathlib import Path

import pytest
from outcomes import LEAST_CASES, Tally

OTHERS = {path.name for path in Path(__file__).parent.glob("test_fuzz_*.py")}


def test_enough_cases_and_each_kind_of_error_often(
    tally: Tally, request: pytest.FixtureRequest
) -> None:
    if OTHERS - {item.path.name for item in request.session.items}:
        pytest.skip("counts all fuzz tests together: run the whole folder")
    assert tally.rare() == {}
    assert tally.cases >= LEAST_CASES
