"""A training that is told to stop says so by its exit status, and the same command goes on."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attn2seq.workspace.stage import run_stage
from pipeline import train

COMMAND = [sys.executable, "-m", "pipeline.train"]
RESULTS = ("models/trained/model.safetensors", "results/train/history.csv")
pytestmark = pytest.mark.promise("stopped")


def clear(project: Path) -> None:
    for folder in ("models", "results/train"):
        shutil.rmtree(project / folder, ignore_errors=True)


def start(project: Path, **variables: str) -> subprocess.Popen[str]:
    """The train stage as DVC starts it: its outputs are gone."""
    clear(project)
    return subprocess.Popen(
        COMMAND,
        cwd=project,
        env=os.environ | {"PYTHONPATH": "src", **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def results(project: Path) -> list[bytes]:
    return [(project / path).read_bytes() for path in RESULTS]


@pytest.fixture
def unbroken(built_project: Path) -> list[bytes]:
    """What a training gives that nobody stops; its checkpoints are removed."""
    found = results(built_project)
    shutil.rmtree(built_project / ".cache")
    return found


@pytest.fixture
def finish(
    built_project: Path, unbroken: list[bytes], capsys: pytest.CaptureFixture[str]
) -> Callable[[], None]:
    """Starts training again, in this process."""

    def run() -> None:
        clear(built_project)
        capsys.readouterr()
        run_stage("train", train.main)
        assert "resuming from the checkpoint of step" in capsys.readouterr().err
        assert results(built_project) == unbroken

    return run


def test_a_time_limit_ends_with_75(built_project: Path, finish: Callable[[], None]) -> None:
    process = start(built_project, TRAIN_MAX_MINUTES="0.000001")
    _, said = process.communicate()
    assert process.returncode == 75, said
    assert "train: saved at step 1; the same command resumes from there" in said
    assert "train: the 1e-06 minutes of TRAIN_MAX_MINUTES are up" in said
    finish()


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long)],
)
def test_a_signal_saves_and_ends(
    number: int, status: int, built_project: Path, finish: Callable[[], None]
) -> None:
    process = start(built_project)
    assert process.stderr is not None
    said = ""
    while ": step " not in said:
        line = process.stderr.readline()
        assert line, f"no step was taken:\n{said}"
        said += line
    process.send_signal(number)
    said += process.stderr.read()
    assert process.wait() == status, said
    assert "train: saved at step" in said
    assert "Traceback" not in said
    finish()
