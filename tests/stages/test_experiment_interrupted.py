"""Ctrl-C in an experiment: the workspace stays as it was, and no scores are shown as its own."""

import time
from pathlib import Path

import pytest
from shown_runs import shown_runs
from tiny_repository import Repository, interrupt

pytestmark = pytest.mark.slow

COPIES = ".dvc/tmp/exps/standalone/*/results/train/history.csv"


def test_ctrl_c_leaves_the_workspace_as_it_was(built: Repository, empty_database: Path) -> None:
    """In a sweep, which is shown from its beginning."""
    built.set_params({"track.enabled": True})
    built.commit("Tracked")
    (built.root / "mlflow.db").write_bytes(empty_database.read_bytes())
    before = command(built, "experiments")
    long = ("-S", "train.max_epochs=500", "-S", "train.max_steps=100000")
    process = built.start(
        "python", "-m", "attn2seq.cli.main", "experiment", "-S", "train.seed=5,6", *long
    )
    while not list(built.root.glob(COPIES)):
        assert process.poll() is None
        time.sleep(0.1)
    said = interrupt(process)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert built.run("git", "status", "--porcelain") == ""
    assert built.params()["train"]["seed"] == 1
    assert command(built, "experiments") == before
    assert "unning" not in built.dvc("exp", "show", "--md")
    assert {run.status for run in shown_runs(built.root)} == {"KILLED"}


def command(repository: Repository, verb: str) -> str:
    return repository.run("python", "-m", "attn2seq.cli.main", verb)
