"""Workspaces whose stages only pretend, with an environment that forgets what a test sets."""

from pathlib import Path

import pytest
from made_once import made_once
from tracked_workspace import run_stages, write_lock, write_workspace

from attn2seq.runs import show as track
from attn2seq.runs.mlflow_store import Runs

SET_BY_MLFLOW = (
    "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_HTTP_REQUEST_TIMEOUT", "DVC_EXP_NAME",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_LOGGING_LEVEL", "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MLFLOW_UV_AUTO_DETECT", "DVC_EXP_BASELINE_REV",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT",
)  # fmt: skip


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs, made once: its migrations take a second."""
    return made_once(tmp_path_factory, "empty_database", _make_database)


def _make_database(root: Path) -> Path:
    Runs(track.store_of(root, None), 5)
    return root / "mlflow.db"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace before its first stage, with an environment that forgets what a test sets."""
    for name in SET_BY_MLFLOW:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_workspace(tmp_path)
    return tmp_path


@pytest.fixture
def finished(bare: Path, empty_database: Path) -> Path:
    """A workspace whose pipeline has ended."""
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    run_stages(bare)
    write_lock(bare)
    return bare
