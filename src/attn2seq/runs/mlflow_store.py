"""Runs in MLflow: a view of files, from which it can be rebuilt.

Only the files of this room know MLflow, and import it when they need it.

One `run_fingerprint` is one run, found by its tag. Everything here adds what is missing and leaves
alone what is there, so the same record may be given any number of times:

    tracker = Tracker(store, request_timeout_s=10)
    tracker.complete(record).added   # ("18 params", "52 points", "model"), and () the next time
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from filelock import FileLock, Timeout

from attn2seq.runs.groups import data_set_input, experiment_of, quoted
from attn2seq.runs.log_model import log_model
from attn2seq.runs.logged_models import logged_before
from attn2seq.runs.names import description, run_name
from attn2seq.runs.record import (
    JUDGED_TAG,
    Completed,
    DataSet,
    Group,
    ModelFiles,
    Point,
    RunRecord,
    Shown,
    Store,
    TrackingUnavailableError,
)

FINGERPRINT_TAG, MODEL_TAG, SWEEP_TAG = "run_fingerprint", "model_id", "sweep"
NOTE_TAG, PARENT_TAG = "mlflow.note.content", "mlflow.parentRunId"
OF_RECORDS = f"tags.{FINGERPRINT_TAG} LIKE '%'"  # every run but the parents of sweeps
SAMPLING_S = 5  # between two looks at the machine
METRICS_A_BATCH, PARAMS_A_BATCH = 1000, 100  # what a server takes in one request

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
            experiment = experiment_of(self.client, self.store, record.group)
            run = self._find(experiment, f"tags.{FINGERPRINT_TAG} = '{record.fingerprint}'")
            return _shown(self._create_run(experiment, record) if run is None else run)

    def open_sweep(self, group: Group) -> Shown:
        """The parent run of the group's sweep, created where it is missing; shown as ended."""
        assert group.sweep is not None
        with self.answering(), FileLock(self.store.lock, timeout=60):
            experiment = experiment_of(self.client, self.store, group)
            run = self._find(experiment, f"tags.{SWEEP_TAG} = {quoted(group.sweep)}")
            if run is None:
                tags = {SWEEP_TAG: group.sweep, NOTE_TAG: "A sweep; its runs are listed below it."}
                run = self.client.create_run(experiment, tags=tags, run_name=group.sweep)
                self.client.set_terminated(run.info.run_id, "FINISHED")
            return _shown(run)

    def complete(self, record: RunRecord) -> Completed:
        """Add whatever the record has and the run lacks."""
        shown = self.open_run(record)
        with self.answering():
            run = self.client.get_run(shown.run_id)
            added = [
                self._add_params(run, record.params),
                self._add_tags(run, {**record.tags, **self._parent(run, record.group)}),
                self._add_points(run, record.points),
                self._add_data_sets(run, record.data_sets),
                self._add_artifacts(shown.run_id, record.artifacts),
                self._add_model(run, record.model),
            ]
            if record.finished and run.info.status != "FINISHED":
                self.client.set_terminated(shown.run_id, "FINISHED")
        return Completed(**vars(shown), added=tuple(word for word in added if word))

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

    @contextmanager
    def system_metrics(self, run_id: str) -> Iterator[None]:
        """Show meanwhile, as `system/...`, how busy this machine is."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)  # a GPU is no must
        with self.answering():
            monitor = SystemMetricsMonitor(
                run_id, SAMPLING_S, resume_logging=True, tracking_uri=self.store.uri
            )
            monitor.start()
        try:
            yield
        finally:
            monitor.finish()

    def reopen(self, run_id: str) -> None:
        """Show the run as running."""
        with self.answering():
            self.client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: Status) -> None:
        """Show the run as ended."""
        with self.answering():
            self.client.set_terminated(run_id, status)

    def describe(self, run_id: str, note: str) -> None:
        """Replace the run's description, Markdown."""
        with self.answering():
            self.client.set_tag(run_id, NOTE_TAG, note)

    def latest(self, count: int) -> list[Shown]:
        """The runs begun last, in whichever experiment, the latest first; no parents of sweeps."""
        with self.answering():
            ids = [item.experiment_id for item in self.client.search_experiments()]
            order = ["attributes.start_time DESC"]
            found = self.client.search_runs(ids, OF_RECORDS, max_results=count, order_by=order)
        return [_shown(run) for run in found]

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

    def _find(self, experiment: str, wanted: str) -> Any:
        """The oldest run of the experiment that is as wanted, or None."""
        order = ["attributes.start_time ASC"]
        found = self.client.search_runs([experiment], wanted, max_results=1, order_by=order)
        return found[0] if found else None

    def _create_run(self, experiment: str, record: RunRecord) -> Any:
        first = self._find(experiment, OF_RECORDS)
        compared = None if first is None else first.data.params
        name = record.name or run_name(record.params, compared)
        if self._find(experiment, f"attributes.run_name = {quoted(name)}") is not None:
            name += f" {record.fingerprint[:6]}"  # other code, say
        first_name = "" if first is None else first.info.run_name
        note = description(record.summary, record.params, compared, first_name)
        tags = {FINGERPRINT_TAG: record.fingerprint, NOTE_TAG: note}
        return self.client.create_run(experiment, tags=tags, run_name=name)

    def _parent(self, run: Any, group: Group) -> dict[str, str]:
        """The tag that makes the run a child of its sweep."""
        if group.sweep is None or PARENT_TAG in run.data.tags:
            return {}
        return {PARENT_TAG: self.open_sweep(group).run_id}

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
            self.client.log_inputs(run.info.run_id, [data_set_input(item) for item in missing])
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
        # One process at a time: a model that is half there is then one that was given up.
        with FileLock(f"{self.store.lock}.model", timeout=60):
            model_id = logged_before(self.client, run) or log_model(self.store.uri, run, model)
            self.client.set_tag(run.info.run_id, MODEL_TAG, model_id)
        return "model"


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


def _shown(run: Any) -> Shown:
    info = run.info
    judged_by = run.data.tags.get(JUDGED_TAG)
    return Shown(str(info.run_id), str(info.experiment_id), str(info.run_name), judged_by)


def _chunks(items: list[Any], size: int) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("s" if count > 1 else "") if count else ""
