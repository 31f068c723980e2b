"""Made-up results of all stages, and the page made of them."""

from pathlib import Path

import pytest
from fabricated_results import PARAMS, fabricate

from attn2seq.report.page import ReportInputs, render_report
from attn2seq.report.settings import ReportSettings


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """A thousand test sentences, twenty of them with attention maps."""
    return fabricate(tmp_path_factory.mktemp("results"), sentences=1000)


@pytest.fixture(scope="session")
def settings() -> ReportSettings:
    return ReportSettings(sentences=1000, alternatives=2)


@pytest.fixture(scope="session")
def page(results: ReportInputs, settings: ReportSettings) -> str:
    return render_report(results, PARAMS, settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"
