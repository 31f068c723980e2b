"""A tracking server that loses a request, whichever: what was half sent is whole the next time."""

import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tracking_server import Gate, TrackingServer

from attn2seq.runs import show as track

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600), pytest.mark.promise("mlflow")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    server = TrackingServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def gate(server: TrackingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gate.uri)
    yield gate
    gate.shutdown()
    gate.server_close()


def test_whichever_request_is_lost_the_run_is_complete_later(
    finished: Path,
    server: TrackingServer,
    gate: Gate,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    assert track.main([]) == 0
    whole = contents(server)
    assert whole["models"] == ["READY"]
    delete_run(server)  # its experiment stays, so that the next run asks for none
    gate.seen.clear()
    assert track.main([]) == 0
    assert contents(server) == whole
    kinds = list(dict.fromkeys(kind_of(request) for request in gate.seen))
    assert len(kinds) > 8, kinds
    cases = list(product(kinds, (False, True)))
    record_property("requests lost", len(cases))
    for kind, after_the_deed in cases:
        delete_run(server)
        capsys.readouterr()
        gate.seen.clear()
        gate.dies_at = lambda request, kind=kind: kind_of(request) == kind  # type: ignore[misc]
        gate.dies_after_the_deed = after_the_deed
        where = f"lost {'after' if after_the_deed else 'before'} it was done: {kind}"
        assert track.main([]) == 1, where
        said = capsys.readouterr().err
        assert said.startswith(f"MLflow at {gate.uri} does not answer ("), where
        assert said.count("\n") == 1, where
        assert gate.dead, where
        gate.dead, gate.dies_at = False, lambda request: False
        assert track.main([]) == 0, where
        assert contents(server) == whole, where


def kind_of(request: str) -> str:
    """Files are sent and listed alike, wherever they go."""
    request = re.sub(r"(mlflow-artifacts/artifacts)/.*", r"\1/*", request)
    return re.sub(r"\b(m-)?[0-9a-f]{32}\b|(?<=/)\d+(?=/|$)", "*", request)


def client_of(server: TrackingServer) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(server.uri)


def active_run(client: Any) -> Any:
    (run,) = client.search_runs([item.experiment_id for item in client.search_experiments()])
    return run


def delete_run(server: TrackingServer) -> None:
    client = client_of(server)
    client.delete_run(active_run(client).info.run_id)


def contents(server: TrackingServer) -> dict[str, Any]:
    """All of the only run that is not deleted, less what names it."""
    client = client_of(server)
    run = active_run(client)
    run_id = run.info.run_id
    models = client.search_logged_models([run.info.experiment_id])
    return {
        "status": run.info.status,
        "params": run.data.params,
        "tags": {key: value for key, value in run.data.tags.items() if key != "model_id"},
        "points": {
            key: [(point.step, point.value) for point in client.get_metric_history(run_id, key)]
            for key in run.data.metrics
        },
        "data sets": sorted(item.dataset.name for item in run.inputs.dataset_inputs),
        "files": sorted(files_in(client, run_id, None)),
        "models": [str(model.status) for model in models if model.source_run_id == run_id],
    }


def files_in(client: Any, run_id: str, folder: str | None) -> Iterator[tuple[str, int]]:
    for item in client.list_artifacts(run_id, folder):
        if item.is_dir:
            yield from files_in(client, run_id, item.path)
        else:
            yield item.path, item.file_size
