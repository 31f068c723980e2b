"""A training's curves, while it runs: each step once, its own alone, and never in the way."""

import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked_runs import client_of, runs_in, start
from tracked_workspace import run_stages

from attn2seq.runs import follow as follow_module
from attn2seq.runs import show as track
from attn2seq.runs.attempt import Attempt
from attn2seq.runs.beside import remember_training
from attn2seq.runs.circumstances import Circumstances
from attn2seq.runs.mlflow_store import Runs
from attn2seq.workspace.fingerprint import inputs_fingerprint, inputs_of_workspace
from attn2seq.workspace.paths import WEIGHTS


def write_snapshot(root: Path, parent_pid: int, attempt: str = "a" * 16) -> Path:
    from attn2seq.config import read_yaml

    fingerprint = inputs_fingerprint(inputs_of_workspace(root))
    path = root / ".cache/runs" / f"{fingerprint}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "inputs_fingerprint": fingerprint,
        "attempt": attempt,
        "train_fingerprint": "t" * 16,
        "params": read_yaml(root / "params.yaml"),
        "workspace": str(root),
        "history": str(root / "results/train/history.csv"),
        "speed": str(root / ".cache/timings/train.csv"),
        "parent_pid": parent_pid,
    }
    path.write_text(json.dumps(values))
    return path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "PAUSE_S", 0.05)


def grow(history: Path, rows: str) -> None:
    header = "step,epoch,train_loss,dev_loss\n"
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_text(header + rows)


def follow_once(root: Path, snapshot: Path, rows: Iterator[str]) -> None:
    """Follow a training that writes the given states of its history, one after the other."""
    history, ended = root / "results/train/history.csv", threading.Event()

    def train() -> None:
        for text in rows:
            grow(history, text)
            time.sleep(0.3)
        ended.set()

    training = threading.Thread(target=train)
    training.start()
    runs = Runs(track.store_of(root, None), 5)
    follow_module.follow(snapshot, runs, Circumstances(), ended.wait)
    training.join()


@pytest.mark.usefixtures("impatient")
def test_a_resumed_training_logs_no_step_twice(bare: Path, empty_database: Path) -> None:
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    run_stages(bare, "download")
    snapshot = write_snapshot(bare, os.getppid())
    # The last line is half written: the 4 may be 4.5.
    follow_once(bare, snapshot, iter(["50,0,5.0,\n", "50,0,5.0,\n100,0,4"]))
    (run,) = runs_in(bare)
    assert run.info.status == "KILLED"
    assert run.data.tags["train_fingerprint"] == "t" * 16
    rows = "50,0,5.0,\n100,0,4.5,3.9\n"
    (bare / "results/train/metrics.json").write_text("{}")
    follow_once(bare, snapshot, iter([rows, rows + "150,1,4.0,\n"]))
    (run,) = runs_in(bare)
    assert run.info.status == "FINISHED"
    client = client_of(bare)
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert {point.step: point.value for point in losses} == {50: 5.0, 100: 4.5, 150: 4.0}
    assert max(Counter(point.step for point in losses).values()) == 1
    assert client.get_metric_history(run.info.run_id, "dev/loss")[0].step == 100


@pytest.mark.usefixtures("impatient")
def test_two_trainings_from_the_same_inputs_have_a_run_each(
    bare: Path, empty_database: Path
) -> None:
    """As on two processors that show their runs on one server."""
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    run_stages(bare, "download", "prepare", "tokenize")
    for attempt, loss in (("first", 5.0), ("second", 6.0)):
        follow_once(bare, write_snapshot(bare, os.getppid(), attempt), iter([f"50,0,{loss},\n"]))
    runs = {run.data.tags["attempt"]: run for run in runs_in(bare)}
    assert runs["first"].data.metrics == {"train/loss": 5.0}
    assert runs["second"].data.metrics == {"train/loss": 6.0}
    assert len({run.info.run_name for run in runs.values()}) == 2
    # The second ends: its scores go to its own run, the first stays as it is.
    run_stages(bare)
    speed = bare / "speed.csv"
    speed.write_text("step,seconds,tokens_per_second\n")
    remember_training(WEIGHTS, "t" * 16, {}, speed, Attempt("second", 0.0, time.monotonic()))
    assert track.main(["--after", "evaluate"]) == 0
    after = {run.data.tags["attempt"]: run for run in runs_in(bare)}
    assert {run.info.run_id for run in after.values()} == {run.info.run_id for run in runs.values()}
    assert after["first"].to_dictionary() == runs["first"].to_dictionary()
    assert after["second"].data.metrics["dev/bleu"] == 6.0
    # Trained once more to the same bytes, it is the same result, and has no second run.
    follow_once(bare, write_snapshot(bare, os.getppid(), "third"), iter(["50,0,6.0,\n"]))
    assert len(runs_in(bare)) == 3
    run_stages(bare)
    remember_training(WEIGHTS, "t" * 16, {}, speed, Attempt("third", 0.0, time.monotonic()))
    assert track.main(["--after", "evaluate"]) == 0
    assert {run.data.tags["attempt"] for run in runs_in(bare)} == {"first", "second"}


@pytest.mark.usefixtures("impatient")
def test_a_history_that_training_has_not_touched_is_not_its_own(
    bare: Path, empty_database: Path
) -> None:
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    run_stages(bare, "download", "train")
    old = time.time() - 60
    for name in ("history.csv", "metrics.json"):
        os.utime(bare / "results/train" / name, (old, old))
    snapshot = write_snapshot(bare, parent_pid=2**22 + 1)  # no such process: training is gone
    runs = Runs(track.store_of(bare, None), 5)
    follow_module.follow(snapshot, runs, Circumstances(), lambda seconds: False)
    (run,) = runs_in(bare)
    assert run.data.metrics == {}
    assert run.info.status == "KILLED"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("wanted", [True, False])
def test_how_busy_the_machine_is_is_shown_where_it_is_wanted(
    bare: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    monkeypatch.setattr(follow_module, "SAMPLING_S", 0.1)
    params = bare / "params.yaml"
    was = params.read_text(encoding="utf-8")
    now = was.replace("system_metrics: false", f"system_metrics: {str(wanted).lower()}")
    params.write_text(now, encoding="utf-8")
    run_stages(bare, "download")
    rows = ["50,0,5.0,\n"] * 4
    follow_once(bare, write_snapshot(bare, os.getppid()), iter(rows))
    (run,) = runs_in(bare)
    assert ("system/cpu_utilization_percentage" in run.data.metrics) is wanted


@pytest.mark.promise("mlflow")
def test_a_server_that_is_down_stops_nothing(bare: Path) -> None:
    run_stages(bare)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        snapshot = write_snapshot(bare, os.getpid())
        process = start(bare, "--follow", str(snapshot), MLFLOW_TRACKING_URI=address)
        # Training goes on meanwhile: standard input stays open.
        assert process.wait() == 0
        _, said = process.communicate()
    assert said.startswith(f"MLflow at {address} does not answer (")
    assert said.endswith("; `make track` completes the run later\n")
    assert said.count("\n") == 1
    assert not (bare / "mlflow.db").exists()
