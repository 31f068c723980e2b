"""Runs in MLflow: a view of files, from which it can be rebuilt. The only file that imports mlflow.

One `run_fingerprint` is one run, found by its tag. Everything here adds what is missing and leaves
alone what is there, so the same record may be given any number of times:

    tracker = Tracker(store, request_timeout_s=10)
    tracker.complete(record).added   # ("18 params", "52 points", "model"), and () the next time
"""

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from filelock import FileLock, Timeout

from attn2seq.runs import (
    Completed,
    DataSet,
    ModelFiles,
    Point,
    RunRecord,
    Shown,
    Store,
    TrackingUnavailableError,
)

FINGERPRINT_TAG, MODEL_TAG = "run_fingerprint", "model_id"
METRICS_A_BATCH, PARAMS_A_BATCH = 1000, 100  # what a server takes in one request
# What the logged model needs where it is loaded, besides mlflow.
MODEL_PACKAGES = ("numpy", "pydantic", "ruamel.yaml", "safetensors", "sentencepiece", "torch")

Status = Literal["FINISHED", "KILLED"]


class Tracker:
    """Adds to the runs of one store. Every method may raise TrackingUnavailableError."""

    def __init__(self, store: Store, request_timeout_s: int) -> None:
        _quieten(request_timeout_s)
        self.store = store
        with self.answering():
            self.client = self._connect()

    def open_run(self, record: RunRecord) -> Shown:
        """The record's run, and its experiment, both created where they are missing."""
        with self.answering(), FileLock(self.store.lock, timeout=60):
            experiment = self._experiment(record.experiment)
            found = self.client.search_runs(
                [experiment],
                f"tags.{FINGERPRINT_TAG} = '{record.fingerprint}'",
                max_results=1,
                order_by=["attributes.start_time ASC"],
            )
            if found:
                return Shown(str(found[0].info.run_id), experiment)
            tags = {FINGERPRINT_TAG: record.fingerprint}
            run = self.client.create_run(experiment, tags=tags, run_name=record.name)
            return Shown(str(run.info.run_id), experiment)

    def complete(self, record: RunRecord) -> Completed:
        """Add whatever the record has and the run lacks."""
        shown = self.open_run(record)
        with self.answering():
            run = self.client.get_run(shown.run_id)
            added = [
                self._add_params(run, record.params),
                self._add_tags(run, record.tags),
                self._add_points(run, record.points),
                self._add_data_sets(run, record.data_sets),
                self._add_artifacts(shown.run_id, record.artifacts),
                self._add_model(run, record.model),
            ]
            if record.finished and run.info.status != "FINISHED":
                self.client.set_terminated(shown.run_id, "FINISHED")
        return Completed(shown.run_id, shown.experiment_id, tuple(word for word in added if word))

    def steps_there(self, run_id: str, key: str) -> set[int]:
        """The steps at which the run has a value of this metric."""
        with self.answering():
            return {point.step for point in self.client.get_metric_history(run_id, key)}

    def send(self, run_id: str, points: Sequence[Point], time_ms: int) -> None:
        """Add points, whether or not they are there; sent again with the same time they are one."""
        with self.answering():
            from mlflow.entities import Metric

            metrics = [Metric(point.key, point.value, time_ms, point.step) for point in points]
            for chunk in _chunks(metrics, METRICS_A_BATCH):
                self.client.log_batch(run_id, metrics=chunk)

    def reopen(self, run_id: str) -> None:
        """Show the run as running."""
        with self.answering():
            self.client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: Status) -> None:
        """Show the run as ended."""
        with self.answering():
            self.client.set_terminated(run_id, status)

    def latest(self, count: int) -> list[Shown]:
        """The runs begun last, in whichever experiment, the latest first."""
        with self.answering():
            ids = [item.experiment_id for item in self.client.search_experiments()]
            found = self.client.search_runs(
                ids, max_results=count, order_by=["attributes.start_time DESC"]
            )
        return [Shown(str(run.info.run_id), str(run.info.experiment_id)) for run in found]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Whatever goes wrong between us and MLflow's store becomes one kind of error."""
        faults = _faults()
        try:
            yield
        except faults as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            said = f"MLflow at {self.store.uri} does not answer ({reason})"
            raise TrackingUnavailableError(said) from error

    def _connect(self) -> Any:
        from mlflow import MlflowClient

        # Migrations write to a logger of their own.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self.store.lock.parent.mkdir(parents=True, exist_ok=True)
        database = self.store.database
        if database is not None and not database.exists():
            with FileLock(self.store.lock, timeout=60):
                if not database.exists():
                    _create_database(database)
        return MlflowClient(self.store.uri)

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is not None and found.lifecycle_stage == "active":
            return str(found.experiment_id)
        if found is not None:
            # A deleted experiment keeps its name from being used: give it another.
            self.client.restore_experiment(found.experiment_id)
            self.client.rename_experiment(
                found.experiment_id, f"{name} (deleted, {found.experiment_id})"
            )
            self.client.delete_experiment(found.experiment_id)
        artifacts = self.store.artifacts
        location = None if artifacts is None else (artifacts.absolute() / name).as_uri()
        tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on runs
        return str(self.client.create_experiment(name, artifact_location=location, tags=tags))

    def _add_params(self, run: Any, params: Mapping[str, str]) -> str:
        from mlflow.entities import Param

        missing = [Param(k, v) for k, v in sorted(params.items()) if k not in run.data.params]
        for chunk in _chunks(missing, PARAMS_A_BATCH):
            self.client.log_batch(run.info.run_id, params=chunk)
        return _counted(len(missing), "param")

    def _add_tags(self, run: Any, tags: Mapping[str, str]) -> str:
        from mlflow.entities import RunTag

        missing = [RunTag(k, v) for k, v in sorted(tags.items()) if k not in run.data.tags]
        if missing:
            self.client.log_batch(run.info.run_id, tags=missing)
        return _counted(len(missing), "tag")

    def _add_points(self, run: Any, points: Sequence[Point]) -> str:
        keys = {point.key for point in points} & set(run.data.metrics)
        there = {key: self.steps_there(run.info.run_id, key) for key in keys}
        missing = [point for point in points if point.step not in there.get(point.key, ())]
        self.send(run.info.run_id, missing, int(time.time() * 1000))
        return _counted(len(missing), "point")

    def _add_data_sets(self, run: Any, data_sets: Sequence[DataSet]) -> str:
        inputs = run.inputs.dataset_inputs if run.inputs else []
        there = {(item.dataset.name, item.dataset.digest) for item in inputs}
        missing = [item for item in data_sets if (item.name, item.digest) not in there]
        if missing:
            self.client.log_inputs(run.info.run_id, [_data_set_input(item) for item in missing])
        return _counted(len(missing), "data set")

    def _add_artifacts(self, run_id: str, artifacts: Mapping[str, Callable[[Path], object]]) -> str:
        folders = {str(PurePosixPath(path).parent) for path in artifacts}
        there = {
            item.path
            for folder in folders
            for item in self.client.list_artifacts(run_id, None if folder == "." else folder)
        }
        missing = sorted(set(artifacts) - there)
        with tempfile.TemporaryDirectory() as scratch:
            for path in missing:
                file = Path(scratch) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                artifacts[path](file)
            if missing:
                self.client.log_artifacts(run_id, scratch)
        return _counted(len(missing), "artifact")

    def _add_model(self, run: Any, model: ModelFiles | None) -> str:
        if model is None or MODEL_TAG in run.data.tags:
            return ""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            # Copied, not linked: the files may be read-only parts of a cache.
            shutil.copytree(model.folder, folder, copy_function=shutil.copyfile)
            text = json.dumps(dict(model.decode), indent=2, sort_keys=True) + "\n"
            (folder / "decode.json").write_text(text, encoding="utf-8")
            model_id = self._log_model(run, folder, model.package)
        self.client.set_tag(run.info.run_id, MODEL_TAG, model_id)
        return "model"

    def _log_model(self, run: Any, folder: Path, package: Path) -> str:
        import mlflow
        from mlflow.models import Model

        mlflow.set_tracking_uri(self.store.uri)
        mlflow.set_experiment(experiment_id=run.info.experiment_id)
        info = Model.log(
            artifact_path=None,
            name="model",
            flavor=mlflow.pyfunc,
            flavor_name="pyfunc.ModelFromCode",
            run_id=run.info.run_id,
            python_model=str(package / "pyfunc.py"),
            code_paths=[str(package)],
            artifacts={"model": str(folder)},
            pip_requirements=_requirements(),
        )
        return str(info.model_id)


def _quieten(request_timeout_s: int) -> None:
    """Set before mlflow is imported; what the user has set stands."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_UV_AUTO_DETECT": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(request_timeout_s),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }.items():
        os.environ.setdefault(name, value)


def _faults() -> tuple[type[Exception], ...]:
    """The kinds of error that say that a store is down, slow or damaged."""
    try:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise TrackingUnavailableError(
            f"MLflow is not installed here ({error}): pip install 'attn2seq[pipeline]'"
        ) from None
    return MlflowException, SQLAlchemyError, OSError, Timeout


def _create_database(database: Path) -> None:
    """Make the tables beside, then rename: a process killed meanwhile leaves no half database."""
    from mlflow import MlflowClient

    beside = database.with_name(database.name + ".new")
    beside.unlink(missing_ok=True)
    MlflowClient(f"sqlite:///{beside}").search_experiments(max_results=1)
    beside.replace(database)


def _data_set_input(item: DataSet) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    columns = [{"type": "string", "name": name, "required": True} for name in item.columns]
    data_set = Dataset(
        name=item.name,
        digest=item.digest,
        source_type="local",
        source=json.dumps({"uri": item.source}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": item.rows}),
    )
    return DatasetInput(data_set, [InputTag("mlflow.data.context", item.context)])


def _requirements() -> list[str]:
    """Exact versions, less a build's own suffix (2.13.0+cpu), which no index knows."""
    return [f"{name}=={version(name).split('+')[0]}" for name in MODEL_PACKAGES]


def _chunks(items: list[Any], size: int) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("s" if count > 1 else "") if count else ""
