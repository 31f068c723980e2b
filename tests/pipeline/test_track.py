"""Runs in MLflow, from files alone: complete, unchanged by a second look, and never in the way."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracked_workspace import run_stages, write_lock, write_workspace

from attn2seq.tracking import Tracker
from pipeline import follow as follow_module
from pipeline import track
from pipeline.fingerprint import inputs_of_workspace, run_fingerprint
from pipeline.run_record import Circumstances, curve_points, flat_params

ROOT = Path(__file__).parents[2]
SET_BY_MLFLOW = (
    "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_HTTP_REQUEST_TIMEOUT", "DVC_EXP_NAME",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_LOGGING_LEVEL", "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MLFLOW_UV_AUTO_DETECT", "DVC_EXP_BASELINE_REV",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT",
)  # fmt: skip


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs, made once: its migrations take a second."""
    root = tmp_path_factory.mktemp("database")
    Tracker(track.store_of(root, None), 5)
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


def client_of(root: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def runs_in(root: Path) -> list[Any]:
    client = client_of(root)
    experiments = [item.experiment_id for item in client.search_experiments()]
    return list(client.search_runs(experiments))


def contents(root: Path) -> Any:
    """All that can be seen of the only run."""
    (run,) = runs_in(root)
    client = client_of(root)
    curves = {
        key: [(point.step, point.value, point.timestamp) for point in points]
        for key in run.data.metrics
        if (points := client.get_metric_history(run.info.run_id, key))
    }
    files = sorted(str(path) for path in (root / "mlartifacts").rglob("*"))
    return run.to_dictionary(), curves, files


def test_a_finished_run_has_everything(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert track.main([]) == 0
    (run,) = runs_in(finished)
    assert run.data.params["train.learning_rate"] == "0.001"
    assert run.data.params["train.betas"] == "[0.9, 0.999]"
    assert not [name for name in run.data.params if name.startswith(("report.", "track."))]
    assert run.data.metrics["dev/bleu"] == run.data.metrics["test/bleu"] == 6.0
    # A decoded text's score has the plain name; training's own measures do not hide it.
    assert run.data.metrics["dev/perplexity"] == 33.0
    assert run.data.metrics["dev/token_perplexity"] == 33.1
    assert run.data.metrics["dev/best_loss"] == 0.001
    client = client_of(finished)
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in losses] == [(50, 4.5), (100, 4.0)]
    fingerprint = run_fingerprint(inputs_of_workspace(finished))
    assert run.data.tags["run_fingerprint"] == fingerprint
    assert run.data.tags["corpus"] == "toy-en-de"
    assert len(run.data.tags["dvc_lock"]) == 16
    assert run.info.run_name == f"additive-lstm-{fingerprint[:6]}"
    assert run.info.status == "FINISHED"
    data_sets = {item.dataset.name: item.dataset for item in run.inputs.dataset_inputs}
    assert set(data_sets) == {"toy-en-de/train", "toy-en-de/dev", "toy-en-de/test"}
    assert json.loads(data_sets["toy-en-de/train"].profile) == {"num_rows": 3}
    folder = finished / "mlartifacts/toy-en-de" / run.info.run_id / "artifacts"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        "params.yaml", "dvc.lock", "report/index.html", "train/history.csv", "train/metrics.json",
        "prepare/metrics.json", "evaluate/metrics.json", "evaluate/signatures.json",
        "decode/dev/hypotheses.txt", "decode/test/hypotheses.txt", "decode/test/nbest_head.jsonl",
        "decode/test/attention_0.png",
    }  # fmt: skip
    assert (folder / "decode/test/attention_0.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "make ui" in said
    assert f"#/experiments/{run.info.experiment_id}/runs?compareRunsMode=CHART" in said


def test_the_logged_model_translates(finished: Path) -> None:
    track.main(["--quiet"])
    import mlflow

    (run,) = runs_in(finished)
    mlflow.set_tracking_uri(f"sqlite:///{finished / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"models:/{run.data.tags['model_id']}")
    assert model.predict(["ein hund", "läuft"]) == ["EIN HUND", "LÄUFT"]
    assert json.loads(model.unwrap_python_model().settings) == {"beam_size": 5}
    files = [path for path in (finished / "mlartifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pyc")]
    assert [path for path in files if path.name == "model.safetensors"]


def test_a_second_look_changes_nothing(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track.main([])
    before = contents(finished)
    capsys.readouterr()
    assert track.main([]) == 0
    assert "complete" in capsys.readouterr().out
    assert contents(finished) == before


def test_a_deleted_run_and_a_deleted_experiment_are_left_alone(finished: Path) -> None:
    track.main(["--quiet"])
    (first,) = runs_in(finished)
    client = client_of(finished)
    client.delete_run(first.info.run_id)
    track.main(["--quiet"])
    (second,) = runs_in(finished)
    assert second.info.run_id != first.info.run_id
    assert second.data.metrics == first.data.metrics
    client.delete_experiment(second.info.experiment_id)
    track.main(["--quiet"])
    (third,) = runs_in(finished)
    assert third.info.experiment_id != second.info.experiment_id
    assert client.get_run(second.info.run_id).info.lifecycle_stage == "deleted"


def test_the_report_of_the_run_before_is_left_out(finished: Path) -> None:
    (finished / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("beam_size: 5", "beam_size: 9")
    )
    run_stages(finished, "decode", "evaluate")
    # Within the pipeline: the report is still the old one.
    write_lock(finished)
    assert track.main(["--after", "evaluate"]) == 0
    (run,) = runs_in(finished)
    assert run.data.metrics["test/bleu"] == 10.0
    assert "dvc_lock" not in run.data.tags
    names = {item.path for item in client_of(finished).list_artifacts(run.info.run_id)}
    assert "report" not in names
    assert "dvc.lock" not in names
    run_stages(finished, "report")
    assert track.main(["--after", "report"]) == 0
    write_lock(finished)
    assert track.main([]) == 0
    (run,) = runs_in(finished)
    names = {item.path for item in client_of(finished).list_artifacts(run.info.run_id)}
    assert {"report", "dvc.lock"} <= names
    assert "dvc_lock" in run.data.tags


def test_params_edited_between_two_stages_give_no_run(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (finished / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("beam_size: 5", "beam_size: 9")
    )
    # As when the edit comes while evaluate scores what the old beam found.
    run_stages(finished, "evaluate")
    assert track.main(["--after", "evaluate"]) == 1
    assert "edited since an earlier stage ran: decode." in capsys.readouterr().err
    assert runs_in(finished) == []


def test_params_edited_after_the_run_do_not_reach_it(finished: Path) -> None:
    params = (finished / "params.yaml").read_text()
    (finished / "params.yaml").write_text(params.replace("beam_size: 5", "beam_size: 9"))
    assert track.main(["--quiet"]) == 0
    (run,) = runs_in(finished)
    assert run.data.params["decode.beam_size"] == "5"
    names = {item.path for item in client_of(finished).list_artifacts(run.info.run_id)}
    assert "params.yaml" not in names


def test_new_training_beside_old_scores_is_no_run(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = (finished / "dvc.lock").read_text()
    (finished / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("0.001", "0.002")
    )
    run_stages(finished, "train")
    write_lock(finished)
    new = (finished / "dvc.lock").read_text()
    # As after a pipeline that stopped in decode: train is new in dvc.lock, the rest is old.
    head, tail = new[: new.index("  decode:")], old[old.index("  decode:") :]
    (finished / "dvc.lock").write_text(head + tail)
    assert track.main([]) == 1
    assert "has not ended: its stages disagree about models/model" in capsys.readouterr().err
    assert runs_in(finished) == []


def write_snapshot(root: Path, parent_pid: int) -> Path:
    from attn2seq.config import read_yaml

    fingerprint = run_fingerprint(inputs_of_workspace(root))
    path = root / ".cache/runs" / f"{fingerprint}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "run_fingerprint": fingerprint,
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
    tracker = Tracker(track.store_of(root, None), 5)
    follow_module.follow(snapshot, tracker, Circumstances(), ended)
    training.join()


@pytest.mark.usefixtures("impatient")
def test_a_resumed_training_logs_no_step_twice(bare: Path, empty_database: Path) -> None:
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    run_stages(bare, "download")
    snapshot = write_snapshot(bare, os.getpid())
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
def test_a_history_that_training_has_not_touched_is_not_its_own(
    bare: Path, empty_database: Path
) -> None:
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    run_stages(bare, "download", "train")
    old = time.time() - 60
    for name in ("history.csv", "metrics.json"):
        os.utime(bare / "results/train" / name, (old, old))
    snapshot = write_snapshot(bare, parent_pid=2**22 + 1)  # no such process: training is gone
    tracker = Tracker(track.store_of(bare, None), 5)
    follow_module.follow(snapshot, tracker, Circumstances(), threading.Event())
    (run,) = runs_in(bare)
    assert run.data.metrics == {}
    assert run.info.status == "KILLED"


def start(root: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """pipeline.track as a process of its own."""
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.track", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_make_one_database_and_one_run(bare: Path) -> None:
    run_stages(bare)
    both = [start(bare, "--after", "evaluate") for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=120) == ("", "")
        assert process.returncode == 0
    assert len(runs_in(bare)) == 1


def test_a_server_that_is_down_stops_nothing(bare: Path) -> None:
    run_stages(bare)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        snapshot = write_snapshot(bare, os.getpid())
        process = start(bare, "--follow", str(snapshot), MLFLOW_TRACKING_URI=address)
        # Training goes on meanwhile: standard input stays open.
        assert process.wait(timeout=60) == 0
        _, said = process.communicate()
    assert said.startswith(f"MLflow at {address} does not answer (")
    assert said.endswith("; `make track` completes the run later\n")
    assert said.count("\n") == 1
    assert not (bare / "mlflow.db").exists()


def test_without_mlflow_one_line_says_so(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert track.main(["--after", "evaluate"]) == 0
    assert track.main([]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("MLflow is not installed here") for line in said)


def test_curve_names_and_steps(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text(
        "step,epoch,train_loss,train_learning_rate,dev_loss,dev_accuracy\n"
        "50,0,4.5,0.001,,\n"
        "100,1,,,3.5,40.2\n"
        "150,1,4."
    )
    found = {(point.key, point.step): point.value for point in curve_points(history)}
    assert found == {
        ("train/loss", 50): 4.5,
        ("train/learning_rate", 50): 0.001,
        ("dev/loss", 100): 3.5,
        ("dev/token_accuracy", 100): 40.2,
    }


def test_params_are_flat_and_written_as_in_params_yaml() -> None:
    nested = {"train": {"schedule": {"warmup": 4000}, "tied": True, "name": "a", "none": None}}
    assert flat_params(nested) == {
        "train.schedule.warmup": "4000",
        "train.tied": "true",
        "train.name": "a",
        "train.none": "null",
    }


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def dvc(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, check=True)


def test_committed_states_and_experiments_come_back(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stages are run by DVC itself: its lock, its cache, its experiments.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (bare / ".gitignore").write_text("/mlflow.db*\n/mlartifacts/\n/.cache/\n__pycache__/\n")
    git(bare, "init")
    git(bare, "config", "user.name", "a")
    git(bare, "config", "user.email", "a@example.org")
    dvc(bare, "init", "--quiet")
    dvc(bare, "config", "core.autostage", "true")
    dvc(bare, "config", "core.analytics", "false")
    git(bare, "add", ".")
    git(bare, "commit", "-m", "code")
    dvc(bare, "repro", "--quiet")
    git(bare, "add", ".")
    git(bare, "commit", "-m", "first run")
    dvc(bare, "exp", "run", "--quiet", "--name", "wide", "-S", "decode.beam_size=9")
    git(bare, "checkout", "--force", "HEAD")
    metrics = bare / "results/evaluate/metrics.json"
    metrics.write_text("{}")
    git(bare, "commit", "-am", "doctored")
    capsys.readouterr()
    assert track.main(["--all"]) == 0
    said = capsys.readouterr().out
    assert "wide: run wide: added" in said
    assert "nothing to restore: the committed results/evaluate/metrics.json is not" in said
    runs = {run.data.params["decode.beam_size"]: run for run in runs_in(bare)}
    assert set(runs) == {"5", "9"}
    assert runs["9"].data.metrics["test/bleu"] == 10.0
    assert runs["9"].data.tags["dvc_exp_name"] == "wide"
    for run in runs.values():
        assert run.data.metrics["train/loss"] == 4.0
        assert len(run.inputs.dataset_inputs) == 3
        assert "model_id" in run.data.tags
        files = client_of(bare).list_artifacts(run.info.run_id, "decode/test")
        assert "decode/test/attention_0.png" in [item.path for item in files]
