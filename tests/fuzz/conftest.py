"""One count for all fuzz tests, and its table at the end."""

from collections.abc import Iterator

import pytest
from outcomes import LEAST_CASES, LEAST_OF_EACH, Tally

_TALLY = Tally()


@pytest.fixture(scope="session")
def tally() -> Tally:
    """Counts every case of every test."""
    return _TALLY


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None] | None:
    if _TALLY.cases:
        terminalreporter.section("bytes from elsewhere, and what came of them")
        for line in _TALLY.table():
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"{_TALLY.cases:,} cases (at least {LEAST_CASES:,}); each kind of error at least "
            f"{LEAST_OF_EACH} times, but for {_TALLY.rare() or 'none'}"
        )
    return None
