"""Enough was tried: this file comes last."""

from collections.abc import Callable
from pathlib import Path

import pytest
from outcomes import Tally

pytestmark = pytest.mark.promise("fuzz")

OTHERS = {path.name for path in Path(__file__).parent.glob("test_fuzz_*.py")}


def test_enough_cases_and_each_kind_of_error_often(
    tally: Tally,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    if OTHERS - {item.path.name for item in request.session.items}:
        pytest.skip("counts all fuzz tests together: run the whole folder")
    record_property("cases", tally.cases)
    record_property("table", "\n".join(tally.table()))
    assert tally.rare() == {}
    assert tally.cases >= tally.least_cases
