"""Settings and small models that many tests share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings

ROOT = Path(__file__).parents[1]
PROMISES = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promises",
        type=Path,
        metavar="FILE",
        help="write a table of the promises that tests are marked with, and what proved them",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PROMISES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Notes for each promise which tests were run for it, how they ended, and their figures."""
    report: Any = yield
    marker = item.get_closest_marker("promise")
    if marker and (report.when == "call" or report.outcome != "passed"):
        rows = item.config.stash[PROMISES].setdefault(marker.args[0], [])
        figures = "; ".join(f"{name}: {value}" for name, value in report.user_properties)
        rows.append("|".join([report.outcome, item.nodeid.split("[")[0], figures]))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--promises")
    if path is None:
        return
    lines = [
        "# Reliability",
        "",
        "What is promised, the tests that prove it, and what they counted: written by",
        "`make reliability`, which makes each of these faults for real.",
        "",
        "| promise | test | passed | failed | skipped | figures |",
        "|---|---|---:|---:|---:|---|",
    ]
    for promise, rows in sorted(session.config.stash[PROMISES].items()):
        tests: dict[str, list[list[str]]] = {}
        for row in rows:
            outcome, test, figures = row.split("|", 2)
            tests.setdefault(test, []).append([outcome, figures])
        for test, ends in tests.items():
            counts = " | ".join(
                str(sum(outcome == wanted for outcome, _ in ends))
                for wanted in ("passed", "failed", "skipped")
            )
            figures = "; ".join(dict.fromkeys(figures for _, figures in ends if figures))
            lines.append(f"| {promise} | `{test}` | {counts} | {figures} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def model_settings() -> Callable[..., ModelSettings]:
    """Settings of a small model; any field can be given."""

    def make(**changes: Any) -> ModelSettings:
        values = {
            "cell": "lstm", "embedding_size": 12, "encoder_layers": 1, "encoder_hidden_size": 8,
            "bidirectional": "all", "reverse_source": False, "decoder_layers": 1,
            "decoder_hidden_size": 16,
            "bridge": "learnt", "attention": "additive", "attention_size": 10,
            "attention_heads": 2, "location_positions": 30, "coverage": False, "copying": False,
            "context_into": "output", "input_feeding": False, "readout_from": "both",
            "readout_size": 12, "residual": False, "embedding_dropout": 0.0, "layer_dropout": 0.0,
            "readout_dropout": 0.0, "variational_dropout": False, "tie_embeddings": "none",
            "freeze_embeddings": False,
        }  # fmt: skip
        return ModelSettings.model_validate(values | changes)

    return make


@pytest.fixture
def small_model(model_settings: Callable[..., ModelSettings]) -> Callable[..., Seq2Seq]:
    """A small model with random weights, vocabularies of 20 and 20, ready to decode."""

    def make(**changes: Any) -> Seq2Seq:
        torch.manual_seed(3)
        return Seq2Seq(model_settings(**changes), 20, 20).eval()

    return make


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The corpus mirror; a test that needs it is skipped where there is none."""
    folder = Path(os.environ.get("CORPUS_MIRROR", ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpus mirror at {folder} (set CORPUS_MIRROR)")
    return folder.resolve()
