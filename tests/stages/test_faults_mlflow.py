"""MLflow absent, slow, dying, locked: `dvc repro` gives the same bytes, `make track` the run."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from finished_steps import Brief
from shown_runs import ShownRun, shown_runs
from tiny_repository import Repository
from tracking_server import Gate, TrackingServer, free_port

# Each runs all stages in a repository of its own. That training goes on without MLflow is shown by
# tests/runs in less time.
pytestmark = [pytest.mark.long, pytest.mark.promise("mlflow")]
LATER = "`make track` completes the run later"
# What follows from the clock.
TIMED = ("time/", "train/tokens_per_second")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TrackingServer]:
    """A server that has not been started."""
    server = TrackingServer(tmp_path / "server")
    yield server
    server.kill()


@pytest.fixture
def gate(server: TrackingServer) -> Iterator[Gate]:
    gate = Gate(server)
    yield gate
    gate.shutdown()
    gate.server_close()


def test_a_server_that_is_absent(brief: Brief, unbuilt: Repository, server: TrackingServer) -> None:
    absent = f"http://127.0.0.1:{free_port()}"
    assert_told_once(repro(unbuilt, absent), absent)
    assert unbuilt.digests() == brief.digests
    server.start()
    track(unbuilt, server.uri)
    assert_complete_there(server, brief.run)


def test_a_server_that_takes_five_seconds_for_each_answer(
    brief: Brief, unbuilt: Repository, server: TrackingServer, gate: Gate
) -> None:
    server.start()
    gate.delay_s = 5
    assert_told_once(repro(unbuilt, gate.uri), gate.uri)
    assert unbuilt.digests() == brief.digests
    gate.delay_s = 0
    track(unbuilt, gate.uri)
    assert_complete_there(server, brief.run)


@pytest.mark.parametrize(
    "last", ["runs/log-batch", "mlflow-artifacts"], ids=["in train", "in evaluate"]
)
def test_a_server_that_dies_half_way(
    brief: Brief, unbuilt: Repository, server: TrackingServer, gate: Gate, last: str
) -> None:
    server.start()
    gate.dies_at = lambda request: last in request
    gate.when_dying = server.kill
    assert_told_once(repro(unbuilt, gate.uri), gate.uri)
    assert gate.dead
    assert unbuilt.digests() == brief.digests
    server.start()
    track(unbuilt, server.uri)
    assert_complete_there(server, brief.run)


def test_a_database_that_another_has_locked(brief: Brief, unbuilt: Repository) -> None:
    unbuilt.run("python", "-m", "attn2seq.runs.show", "--all")  # makes the database
    with closing(sqlite3.connect(unbuilt.root / "mlflow.db", isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        said = unbuilt.dvc("repro")
        another.execute("ROLLBACK")
    assert said.count(LATER) == 1, said
    assert unbuilt.digests() == brief.digests
    unbuilt.run("python", "-m", "attn2seq.runs.show")
    (run,) = shown_runs(unbuilt.root)
    assert run.status == "FINISHED"
    assert (run.params, run.data_sets) == (brief.run.params, brief.run.data_sets)
    assert run.artifacts == brief.run.artifacts
    assert run.model_files == brief.run.model_files
    assert untimed(run.curves) == untimed(brief.run.curves)


def repro(repository: Repository, uri: str) -> str:
    return repository.run("env", f"MLFLOW_TRACKING_URI={uri}", "python", "-m", "dvc", "repro")


def track(repository: Repository, uri: str) -> None:
    repository.run("env", f"MLFLOW_TRACKING_URI={uri}", "python", "-m", "attn2seq.runs.show")


def assert_told_once(said: str, uri: str) -> None:
    assert said.count(LATER) == 1, said
    assert f"MLflow at {uri} does not answer (" in said or "MLflow is slow; " in said, said
    assert "Traceback" not in said, said


def untimed(curves: dict[str, Any]) -> dict[str, Any]:
    return {key: curve for key, curve in curves.items() if not key.startswith(TIMED)}


def assert_complete_there(server: TrackingServer, wanted: ShownRun) -> None:
    """The server's one run has what the run of an undisturbed pipeline has, and nothing twice."""
    from mlflow import MlflowClient

    client = MlflowClient(server.uri)
    (run,) = client.search_runs([item.experiment_id for item in client.search_experiments()])
    run_id = run.info.run_id
    assert run.info.status == "FINISHED"
    assert run.data.params == wanted.params
    assert run.data.tags.keys() == wanted.tags.keys()
    curves = {key: client.get_metric_history(run_id, key) for key in untimed(run.data.metrics)}
    assert {
        key: [(point.step, point.value) for point in points] for key, points in curves.items()
    } == {key: sorted(curve.items()) for key, curve in untimed(wanted.curves).items()}
    found = {item.dataset.name: item.dataset.digest for item in run.inputs.dataset_inputs}
    assert found == wanted.data_sets
    assert frozenset(files_in(client, run_id, None)) == wanted.artifacts
    model = client.get_logged_model(run.data.tags["model_id"])
    assert str(model.status) == "READY"
    (weights,) = (server.folder / "artifacts").rglob("model.safetensors")
    assert run.data.tags["model_id"] in weights.parts


def files_in(client: Any, run_id: str, folder: str | None) -> Iterator[str]:
    for item in client.list_artifacts(run_id, folder):
        if item.is_dir:
            yield from files_in(client, run_id, item.path)
        else:
            yield item.path
