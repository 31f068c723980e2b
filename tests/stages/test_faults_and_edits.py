"""A user at the wrong moment: a fault in a late section, an edit during a stage, Ctrl-C."""

import os
import sys
import time
from pathlib import Path

import pytest
from finished_steps import stages_run
from ruamel.yaml import YAML
from shown_runs import points_in_database, shown_runs
from tiny_repository import Repository, interrupt

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow


@pytest.mark.promise("mistakes")
def test_late_faults_are_all_told_before_any_stage_runs(built: Repository) -> None:
    text = (built.root / "params.yaml").read_text(encoding="utf-8")
    before = (built.root / "dvc.lock").read_bytes()
    text = text.replace("  sentences: 20", "  sentences: -1")
    text = text.replace("  beam_size: 2\n", "  beam_size: 2\n  beem_size: 4\n")
    (built.root / "params.yaml").write_text(text, encoding="utf-8")
    said = built.dvc("repro", status=255)
    assert stages_run(said) == ["check"]
    assert "2 errors" in said
    assert "decode.beem_size: unknown key (did you mean decode.beam_size?)" in said, said
    assert "report.sentences: input should be greater than or equal to 1, got -1" in said, said
    assert "Traceback" not in said
    assert (built.root / "dvc.lock").read_bytes() == before
    assert (built.root / "results/report/index.html").is_file()
    assert (built.root / "models/model/model.safetensors").is_file()


@pytest.mark.promise("mistakes")
def test_another_python_removes_no_output(built: Repository, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    bare = tmp_path / "bin/python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', encoding="utf-8")
    bare.chmod(0o755)
    path = f"PATH={bare.parent}{os.pathsep}{os.environ['PATH']}"
    built.set_params({"decode.beam_size": 3})
    said = built.run("env", path, sys.executable, "-m", "dvc", "repro", status=255)
    assert stages_run(said) == ["check"]
    assert "lacks the packages" in said
    assert "Traceback" not in said
    assert (built.root / "results/decode/test/hypotheses.txt").is_file()
    assert (built.root / "models/model/model.safetensors").is_file()


@pytest.mark.promise("edited")
def test_params_edited_during_a_stage_are_not_recorded(built: Repository) -> None:
    built.set_params({"train.max_epochs": 8})
    before = (built.root / "dvc.lock").read_text(encoding="utf-8")
    with built.start("python", "-m", "dvc", "repro", "train") as process:
        assert process.stdout is not None
        said = ""
        while "train: on CPU" not in said:
            line = process.stdout.readline()
            assert line, f"training did not begin:\n{said}"
            said += line
        built.set_params({"train.learning_rate": 0.02})
        said += process.communicate()[0]
    assert process.returncode != 0, said
    assert "edited while the stage ran: params.yaml, section train" in said, said
    assert "Traceback" not in said, said
    lock = (built.root / "dvc.lock").read_text(encoding="utf-8")
    assert _stage(lock, "train") == _stage(before, "train")
    # The finished work is kept under the params it had, and the other params find none of it.
    built.set_params({"train.learning_rate": 0.01})
    assert "resuming from the checkpoint of step" in built.dvc("repro", "train")


def test_curves_are_shown_while_training_runs(built: Repository, empty_database: Path) -> None:
    endless = {"train.max_epochs": 1_000_000, "train.schedule": "constant"}
    built.set_params(endless | {"track.enabled": True})
    (built.root / "mlflow.db").write_bytes(empty_database.read_bytes())
    process = built.start("python", "-m", "dvc", "repro", "train")
    database = built.root / "mlflow.db"
    seen: list[int] = []
    # Points that come in two portions show that the curve grows.
    while len(set(seen)) < 3 and process.poll() is None:
        seen.append(points_in_database(database, "train/loss"))
        time.sleep(0.5)
    running = process.poll() is None
    status = [run.status for run in shown_runs(built.root)]
    said = interrupt(process)
    assert running, said
    assert len(set(seen)) == 3, f"points seen while training ran: {seen}\n{said}"
    assert status == ["RUNNING"]
    assert process.returncode != 0
    assert "train: interrupted" in said, said
    (run,) = shown_runs(built.root)
    assert run.status == "KILLED"
    assert run.params["train.max_epochs"] == "1000000"


def _stage(lock: str, name: str) -> object:
    return YAML(typ="safe").load(lock)["stages"][name]
