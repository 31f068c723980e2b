"""What the MLflow database of a repository shows, as plain values that outlive the database."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

Curve = dict[int, float]  # step -> value


@dataclass(frozen=True)
class ShownRun:
    """All of a run that a user can see."""

    run_id: str
    name: str
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    curves: dict[str, Curve]
    points_sent: dict[str, int]  # as many as steps, unless a step was logged twice
    data_sets: dict[str, str]  # name -> digest
    artifacts: frozenset[str]  # paths of files
    model_files: frozenset[str]  # of the logged model, paths

    def score(self, key: str) -> float:
        """The last value of a metric."""
        curve = self.curves[key]
        return curve[max(curve)]


def shown_runs(root: Path) -> list[ShownRun]:
    """Every run that is not deleted, the oldest first."""
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as scratch:
        # MLflow keeps a file open for good, also when it has been deleted and made anew.
        copy = Path(scratch) / "mlflow.db"
        _copy_database(root / "mlflow.db", copy)
        client = MlflowClient(f"sqlite:///{copy}")
        experiments = [item.experiment_id for item in client.search_experiments()]
        runs = client.search_runs(experiments, order_by=["attributes.start_time ASC"])
        return [_shown(client, run) for run in runs]


def points_in_database(database: Path, key: str) -> int:
    """Read past MLflow, which may be writing: the number of points of a metric, 0 before any."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        query = "SELECT count(*) FROM metrics WHERE key = ?"
        (count,) = connection.execute(query, (key,)).fetchone()
    return int(count)


def _copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _shown(client: Any, run: Any) -> ShownRun:
    run_id = run.info.run_id
    sent = {key: client.get_metric_history(run_id, key) for key in run.data.metrics}
    model_id = run.data.tags.get("model_id")
    model = _local(client.get_logged_model(model_id).artifact_location) if model_id else None
    return ShownRun(
        run_id=run_id,
        name=run.info.run_name,
        status=run.info.status,
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        curves={key: {point.step: point.value for point in sent[key]} for key in sent},
        points_sent={key: len(points) for key, points in sent.items()},
        data_sets={item.dataset.name: item.dataset.digest for item in run.inputs.dataset_inputs},
        artifacts=_files(_local(run.info.artifact_uri)),
        model_files=_files(model) if model else frozenset(),
    )


def _local(uri: str) -> Path:
    return Path(url2pathname(urlparse(uri).path))


def _files(folder: Path) -> frozenset[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return frozenset(
        path.relative_to(folder).as_posix() for path in files if not _left_by_a_reader(path)
    )


def _left_by_a_reader(path: Path) -> bool:
    """Whether MLflow or Python put it beside the model when somebody loaded that."""
    return path.suffix == ".pyc" or path.name == "registered_model_meta"
