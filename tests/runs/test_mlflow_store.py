"""The view of runs in MLflow: what is missing is added, whatever went before."""

import math
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import (
    DataSet,
    Group,
    Point,
    RunRecord,
    Store,
    StoreUnavailableError,
    Sweep,
)

SET_BY_MLFLOW = (
    "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_LOGGING_LEVEL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MLFLOW_UV_AUTO_DETECT", "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT",
)  # fmt: skip


def write_text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


RECORD = RunRecord(
    inputs="i" * 16,
    fingerprint="0123456789abcdef",
    attempt=None,
    group=Group("toy-en-de", "Look at the charts."),
    name=None,
    summary="lstm",
    params={"train.seed": "1"},
    tags={"corpus": "toy-en-de"},
    points=[Point("dev/bleu", 0, 12.5)],
    data_sets=[DataSet("toy-en-de/dev", "d1", "dev.parquet", 7, ("src", "tgt"), "dev")],
    artifacts={"a.txt": write_text("a"), "in/b.txt": write_text("b")},
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets what a runs sets."""
    for name in SET_BY_MLFLOW:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A database of our own: its migrations take a second, so the tests share it."""
    root = tmp_path_factory.mktemp("a place with spaces")
    database = root / "mlflow.db"
    return Store(f"sqlite:///{database}", root / "lock", database, root / "artifacts")


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, request_timeout_s=5)


def history(store: Store, run_id: str, key: str) -> list[Any]:
    from mlflow import MlflowClient

    return list(MlflowClient(store.uri).get_metric_history(run_id, key))


def test_a_record_is_added_once(runs: Runs, store: Store) -> None:
    first = runs.complete(RECORD)
    assert first.added == ("1 param", "1 tag", "1 point", "1 data set", "2 artifacts")
    assert runs.complete(RECORD) == replace(first, added=())
    assert store.artifacts is not None
    files = store.artifacts / "toy-en-de" / first.run_id / "artifacts"
    assert (files / "in/b.txt").read_text() == "b"


def test_only_what_is_missing_is_added_and_nothing_changed(runs: Runs, store: Store) -> None:
    record = replace(RECORD, fingerprint="f" * 16)
    run_id = runs.complete(record).run_id
    changed = replace(
        record,
        params={"train.seed": "2", "train.steps": "100"},
        points=[Point("dev/bleu", 0, 99.0), Point("train/loss", 50, 4.0)],
        artifacts={"a.txt": write_text("other"), "c.txt": write_text("c")},
    )
    again = runs.complete(changed)
    assert again.run_id == run_id
    assert again.added == ("1 param", "1 point", "1 artifact")
    assert [point.value for point in history(store, run_id, "dev/bleu")] == [12.5]
    assert store.artifacts is not None
    files = store.artifacts / "toy-en-de" / run_id / "artifacts"
    assert (files / "a.txt").read_text() == "a"


def test_many_points_fit(runs: Runs, store: Store) -> None:
    points = [Point("train/loss", step, float(step)) for step in range(2500)]
    record = replace(RECORD, fingerprint="many", points=[*points, Point("dev/ter", 0, math.nan)])
    completed = runs.complete(record)
    assert "2501 points" in completed.added
    assert len(history(store, completed.run_id, "train/loss")) == 2500
    assert math.isnan(history(store, completed.run_id, "dev/ter")[0].value)


def test_points_whose_answer_was_lost_are_there_once(
    runs: Runs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = runs.open_run(replace(RECORD, fingerprint="again")).run_id
    points = [Point("train/loss", 50, 4.0)]
    send = runs.client.log_batch

    def loses_the_answer(*arguments: Any, **named: Any) -> None:
        send(*arguments, **named)
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(runs.client, "log_batch", loses_the_answer)
        with pytest.raises(StoreUnavailableError):
            runs.add_points(run_id, points)
    assert runs.add_points(run_id, points) == 1
    assert len(history(store, run_id, "train/loss")) == 1
    assert runs.add_points(run_id, points) == 0


def test_the_latest_runs_come_first(runs: Runs) -> None:
    ids = [
        runs.open_run(replace(RECORD, fingerprint=name, group=Group(name, ""))).run_id
        for name in ("one", "two")
    ]
    assert [run.run_id for run in runs.latest(2)] == ids[::-1]


def test_runs_are_named_and_described_by_what_differs(runs: Runs, store: Store) -> None:
    from mlflow import MlflowClient

    group = Group("named", "Look at the *charts*.")
    params = {"train.seed": "1", "model.cell": "lstm", "decode.seed": "1"}
    record = replace(RECORD, fingerprint="1" * 16, group=group, params=params)
    others: list[dict[str, Any]] = [
        {"params": params | {"model.cell": "gru", "train.seed": "2"}},
        {"params": params | {"model.cell": "gru", "train.seed": "2"}},
        {"params": params | {"model.cell": "rnn"}, "name": "it's plain"},
    ]
    records = [record] + [
        replace(record, fingerprint=f"{index}" * 16, **changes)
        for index, changes in enumerate(others, start=2)
    ]
    shown = [runs.complete(item) for item in records]
    changed = "cell=gru, train.seed=2"
    assert [run.name for run in shown] == [
        "baseline", changed, f"{changed} 333333", "it's plain",
    ]  # fmt: skip
    client = MlflowClient(store.uri)
    notes = [client.get_run(run.run_id).data.tags["mlflow.note.content"] for run in shown]
    assert notes[0].startswith("lstm; the first run")
    assert notes[1] == "lstm; unlike baseline: cell gru (lstm), train.seed 2 (1)"
    experiment = client.get_experiment(shown[0].experiment_id)
    assert experiment.tags["mlflow.note.content"] == group.note


def test_a_sweep_is_a_parent_with_its_children(runs: Runs, store: Store) -> None:
    from mlflow import MlflowClient

    group = Group("swept", "", Sweep("sweep 1: it's a seed", "FAILED"))
    children = [
        runs.complete(replace(RECORD, fingerprint=name, group=group, finished=True))
        for name in ("first child", "second child")
    ]
    parent = runs.open_sweep(group)
    client = MlflowClient(store.uri)
    wanted = f"tags.mlflow.parentRunId = '{parent.run_id}'"
    found = client.search_runs([parent.experiment_id], wanted)
    assert {run.info.run_id for run in found} == {child.run_id for child in children}
    shown = client.get_run(parent.run_id)
    assert (shown.info.run_name, shown.info.status) == ("sweep 1: it's a seed", "FAILED")
    assert parent.run_id not in {run.run_id for run in runs.latest(1000)}
    # A second look changes nothing.
    again = runs.complete(replace(RECORD, fingerprint="first child", group=group))
    assert again == replace(children[0], added=())


def test_what_a_killed_process_left_of_a_database_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db.new").write_bytes(b"half of a database")
    database = tmp_path / "mlflow.db"
    store = Store(f"sqlite:///{database}", tmp_path / "lock", database, tmp_path / "artifacts")
    assert Runs(store, 5).complete(RECORD).added
    assert [path.name for path in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


@pytest.mark.promise("mlflow")
def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "lock")
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:\d+ does not answer"):
            Runs(store, request_timeout_s=1).complete(RECORD)
