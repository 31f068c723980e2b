"""Two systems on the same made-up texts."""

from pathlib import Path

import pytest
from fabricated_results import fabricate

from attn2seq.comparison.runs import Run
from attn2seq.report.page import ReportInputs

OUR_PARAMS = {"download.corpus": "made-up", "model.cell": "lstm", "decode.beam_size": "5"}
THEIR_PARAMS = {"download.corpus": "made-up", "model.cell": "gru", "decode.beam_size": "5"}


def as_run(inputs: ReportInputs, name: str, params: dict[str, str]) -> Run:
    return Run(name, inputs.evaluate.parent, "made-up", params, {"commit": "3f2a91c"})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportInputs, ReportInputs]:
    root = tmp_path_factory.mktemp("compared")
    return (
        fabricate(root / "ours", sentences=200, seed=1),
        fabricate(root / "theirs", sentences=200, seed=2),
    )


@pytest.fixture(scope="session")
def ours(made: tuple[ReportInputs, ReportInputs]) -> Run:
    return as_run(made[0], "workspace", OUR_PARAMS)


@pytest.fixture(scope="session")
def theirs(made: tuple[ReportInputs, ReportInputs]) -> Run:
    return as_run(made[1], "greedy", THEIR_PARAMS)


@pytest.fixture(scope="session")
def prepared(made: tuple[ReportInputs, ReportInputs]) -> Path:
    return made[0].corpus.parent
