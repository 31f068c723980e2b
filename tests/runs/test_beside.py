"""Who starts processes for MLflow, when, and that none of them can hold a stage up."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tracked_workspace import run_stages, write_workspace

from attn2seq.config import read_yaml
from attn2seq.runs import beside
from attn2seq.runs.attempt import Attempt, attempt
from attn2seq.workspace.fingerprint import inputs_fingerprint, inputs_of_workspace, md5_of
from attn2seq.workspace.stage import Stage

HISTORY, SPEED = Path("results/train/history.csv"), Path(".cache/timings/train-t.csv")
MACHINE = {"device": "CPU, 1 threads"}
ATTEMPT = Attempt("a", 60.0, resumed_at=1000.0)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_workspace(tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were started; each ends when its standard input does."""
    commands: list[list[str]] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return real([sys.executable, "-c", "import sys; sys.stdin.read()"], **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    return commands


def stage_with(track: object) -> Stage:
    return Stage("train", read_yaml(Path("params.yaml")) | {"track": track}, {})


def train(stage: Stage) -> None:
    with beside.follow(stage, "t", MACHINE, HISTORY, SPEED, ATTEMPT):
        pass
    beside.complete(stage)


@pytest.mark.parametrize("track", [{"enabled": False}, {}, None])
def test_without_tracking_no_process_starts(started: list[list[str]], track: object) -> None:
    run_stages(Path.cwd(), "download")
    train(stage_with(track))
    assert started == []
    assert not Path(".cache").exists()


def test_without_raw_data_training_goes_on_unseen(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with beside.follow(stage_with({"enabled": True}), "t", MACHINE, HISTORY, SPEED, ATTEMPT):
        pass
    assert started == []
    said = capsys.readouterr().err
    assert said.startswith("train: not shown in MLflow: data/raw is not here")


def test_a_follower_is_given_the_inputs_of_the_run(started: list[list[str]]) -> None:
    run_stages(Path.cwd(), "download")
    stage = stage_with({"enabled": True})
    train(stage)
    fingerprint = inputs_fingerprint(inputs_of_workspace(Path.cwd()))
    snapshot = Path.cwd() / ".cache/runs" / f"{fingerprint}.json"
    python = [sys.executable, "-m", "attn2seq.runs.show"]
    assert started == [[*python, "--follow", str(snapshot)], [*python, "--after", "train"]]
    values = json.loads(snapshot.read_text(encoding="utf-8"))
    assert values == {
        "inputs_fingerprint": fingerprint, "train_fingerprint": "t", "machine": MACHINE,
        "attempt": "a",
        "params": stage.params, "workspace": str(Path.cwd()), "parent_pid": os.getpid(),
        "history": str(HISTORY.resolve()), "speed": str(SPEED),
    }  # fmt: skip


def test_a_follower_learns_of_the_end_after_an_error_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_stages(Path.cwd(), "download")
    script = "import sys; sys.stdin.read(); open('ended', 'w').close()"
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **options: real([command[0], "-c", script], **options)
    )
    with (
        pytest.raises(KeyboardInterrupt),
        beside.follow(stage_with({"enabled": True}), "t", MACHINE, HISTORY, SPEED, ATTEMPT),
    ):
        raise KeyboardInterrupt
    assert Path("ended").exists()


def test_one_that_hangs_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stages(Path.cwd(), "download")
    monkeypatch.setattr(beside, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(beside, "COMPLETION_SECONDS", 0.1)
    processes: list[Any] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        processes.append(real([command[0], "-c", "import time; time.sleep(60)"], **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    train(stage_with({"enabled": True}))
    # Once for a run, though two were left behind.
    assert capsys.readouterr().err == "MLflow is slow; `make track` completes the run later\n"
    assert [process.wait(timeout=10) for process in processes] == [-9, -9]


def test_weights_remember_their_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1030.0)
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    SPEED.parent.mkdir(parents=True)
    SPEED.write_text("step,seconds,tokens_per_second\n50,1.0,3000\n")
    beside.remember_training(weights, "t", MACHINE, SPEED, ATTEMPT)
    path = Path(".cache/trainings") / f"{md5_of(weights)}.json"
    noted = json.loads(path.read_text())
    assert noted == {
        "train_fingerprint": "t", "machine": MACHINE, "attempt": "a",
        "seconds": 90.0, "ended": 1_800_000_000,
    }  # fmt: skip
    assert path.with_suffix(".csv").read_text() == SPEED.read_text()
    assert len(list(path.parent.iterdir())) == 2


def test_an_attempt_lasts_until_training_begins_from_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is that of its parts, without what lies between them."""
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with suppress(KeyboardInterrupt), attempt(tmp_path, "t", resumed=False) as first:
        clock[0] += 0.2
        raise KeyboardInterrupt
    clock[0] += 60
    with attempt(tmp_path, "t", resumed=True) as second:
        assert second.token == first.token
        assert second.earlier_s == 0.2
    with attempt(tmp_path, "t", resumed=False) as third:
        assert third.token != first.token
        assert third.earlier_s == 0
    (note,) = tmp_path.rglob("t.attempt.json")
    note.write_text('{"tok')  # a power cut left half of it
    with attempt(tmp_path, "t", resumed=True) as fourth:
        assert fourth.token not in (first.token, third.token)
        assert fourth.earlier_s == 0
