"""Ctrl-C in an experiment: the workspace stays as it was, and no scores are shown as its own."""

import time
from pathlib import Path

import pytest
from finished_steps import Brief
from shown_runs import shown_runs
from tiny_repository import Repository, copy_repository, interrupt

pytestmark = pytest.mark.slow

COPIES = ".dvc/tmp/exps/standalone/*/results/train/history.csv"


@pytest.mark.parametrize("seeds", ["5", "5,6"])
def test_ctrl_c_leaves_the_workspace_as_it_was(brief: Brief, tmp_path: Path, seeds: str) -> None:
    repository = Repository(tmp_path / "repository")
    copy_repository(brief.built.root, repository.root)
    repository.commit("a run")
    before = command(repository, "experiments")
    long = ("-S", "train.max_epochs=500", "-S", "train.max_steps=100000")
    process = repository.start(
        "python", "-m", "attn2seq.cli.main", "experiment", "-S", f"train.seed={seeds}", *long
    )
    give_up = time.monotonic() + 120
    while not list(repository.root.glob(COPIES)) and time.monotonic() < give_up:
        assert process.poll() is None
        time.sleep(0.1)
    said = interrupt(process)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert repository.run("git", "status", "--porcelain") == ""
    assert repository.params()["train"]["seed"] == 1
    assert command(repository, "experiments") == before
    assert "unning" not in repository.dvc("exp", "show", "--md")
    if "," in seeds:  # a sweep is shown from its beginning
        assert {run.status for run in shown_runs(repository.root)} == {"KILLED"}


def command(repository: Repository, verb: str) -> str:
    return repository.run("python", "-m", "attn2seq.cli.main", verb)
