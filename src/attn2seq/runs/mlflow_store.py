"""Runs in MLflow: a view of files, from which it can be rebuilt.

Only the files of this room know MLflow, and import it when they need it.

One `run_fingerprint`, of inputs and outputs, is one run, found by its tag. A training that is at
work has none yet: it is found by its attempt, and gets its fingerprint once it is scored.
Everything here adds what is missing and leaves alone what is there, so the same record may be given
any number of times:

    runs = Runs(store, request_timeout_s=10)
    runs.complete(record).added   # ("18 params", "52 points", "model"), and () the next time
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from attn2seq.runs.log_model import log_model
from attn2seq.runs.logged_models import logged_before
from attn2seq.runs.mlflow_client import (
    answering,
    connected,
    data_set_input,
    pages,
    quieten,
    quoted,
)
from attn2seq.runs.names import description, run_name
from attn2seq.runs.record import (
    JUDGED_TAG,
    DataSet,
    Ending,
    Group,
    ModelFiles,
    Point,
    RunRecord,
    Shown,
    Store,
)
from attn2seq.runs.runs_view import TAG as VIEW_TAG
from attn2seq.runs.runs_view import runs_view

FINGERPRINT_TAG, MODEL_TAG, SWEEP_TAG = "run_fingerprint", "model_id", "sweep"
NOTE_TAG, PARENT_TAG, USER_TAG = "mlflow.note.content", "mlflow.parentRunId", "mlflow.user"
INPUTS_TAG, ATTEMPT_TAG = "inputs_fingerprint", "attempt"
OF_RECORDS = f"tags.{INPUTS_TAG} LIKE '%'"  # every run but the parents of sweeps


class Runs:
    """The runs of one store. Every method may raise StoreUnavailableError."""

    def __init__(self, store: Store, request_timeout_s: int) -> None:
        quieten(request_timeout_s)
        self.store = store
        self._steps: dict[tuple[str, str], set[int]] = {}  # run and key -> the steps it has
        self._times_ms: dict[tuple[str, Point], int] = {}
        with self.answering():
            self.client = connected(store)

    def open_run(self, record: RunRecord) -> Shown:
        """The record's run, and its experiment, both created where they are missing."""
        with self.answering(), FileLock(self.store.lock, timeout=60):
            run, at_work = self._scored(record), self._at_work(record)
            if run is not None and at_work is not None:
                # Trained again, to the same bytes: the result has its run already.
                self.client.delete_run(at_work.info.run_id)
            elif at_work is not None:
                run = at_work
                if record.fingerprint is not None:
                    self.client.set_tag(run.info.run_id, FINGERPRINT_TAG, record.fingerprint)
            return _shown(self._create_run(record) if run is None else run)

    def open_sweep(self, group: Group) -> Shown:
        """The parent run of the group's sweep, created where it is missing; shown as ended."""
        assert group.sweep is not None
        with self.answering(), FileLock(self.store.lock, timeout=60):
            experiment = self._experiment(group)
            name = group.sweep.name
            run = self._find(experiment, f"tags.{SWEEP_TAG} = {quoted(name)}")
            if run is None:
                tags = {SWEEP_TAG: name, NOTE_TAG: "A sweep; its runs are listed below it."}
                run = self.client.create_run(experiment, tags=tags, run_name=name)
                self.client.set_terminated(run.info.run_id, group.sweep.ending)
            return _shown(run)

    def complete(self, record: RunRecord) -> Shown:
        """Add whatever the record has and the run lacks."""
        run_id = self.open_run(record).run_id
        with self.answering():
            from mlflow.entities import Param, RunTag

            run = self.client.get_run(run_id)
            tags = dict(record.tags)
            if record.group.sweep is not None and PARENT_TAG not in run.data.tags:
                tags[PARENT_TAG] = self.open_sweep(record.group).run_id
            for key in {point.key for point in record.points} - set(run.data.metrics):
                self._steps.setdefault((run_id, key), set())
            new_params = [Param(*item) for item in _missing(record.params, run.data.params)]
            new_tags = [RunTag(*item) for item in _missing(tags, run.data.tags)]
            self.client.log_batch(run_id, params=new_params, tags=new_tags)
            added = [
                _counted(len(new_params), "param"),
                _counted(len(new_tags), "tag"),
                _counted(self.add_points(run_id, record.points, record.ended_s), "point"),
                _counted(self._add_data_sets(run, record.data_sets), "data set"),
                _counted(self._add_artifacts(run_id, record.artifacts), "artifact"),
                self._add_model(run, record.model),
            ]
            if record.finished:
                self._show_ended(run.info, record)
            if judged_by := tags.get(JUDGED_TAG):
                self._offer_view(run.info.experiment_id, runs_view(judged_by))
        return _shown(run, tuple(filter(None, added)))

    def add_points(self, run_id: str, points: Sequence[Point], time_s: float | None = None) -> int:
        """Add those that the run lacks, as of `time_s`, or of now; their number.

        One that got no answer may be given again: of the same time, it is the same point.
        """
        from mlflow.entities import Metric

        with self.answering():
            now_ms = int((time.time() if time_s is None else time_s) * 1000)
            missing = [point for point in points if point.step not in self._there(run_id, point)]
            metrics = [
                Metric(
                    point.key,
                    point.value,
                    self._times_ms.setdefault((run_id, point), now_ms),
                    point.step,
                )
                for point in missing
            ]
            self.client.log_batch(run_id, metrics=metrics)
        for point in missing:
            self._there(run_id, point).add(point.step)
        return len(missing)

    def reopen(self, run_id: str) -> None:
        """Show the run as running."""
        with self.answering():
            self.client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: Ending) -> None:
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

    def answering(self) -> AbstractContextManager[None]:
        """Within it, whatever goes wrong with the store is a StoreUnavailableError."""
        return answering(self.store)

    def _experiment(self, group: Group) -> str:
        """The id of the group's experiment, created where it is missing, with its note."""
        found = self.client.get_experiment_by_name(group.name)
        if found is not None and found.lifecycle_stage == "active":
            if NOTE_TAG not in found.tags:
                self.client.set_experiment_tag(found.experiment_id, NOTE_TAG, group.note)
            return str(found.experiment_id)
        if found is not None:
            # A deleted experiment keeps its name from being used: give it another.
            self.client.restore_experiment(found.experiment_id)
            aside = f"{group.name} (deleted, {found.experiment_id})"
            self.client.rename_experiment(found.experiment_id, aside)
            self.client.delete_experiment(found.experiment_id)
        folder = self.store.artifacts
        location = None if folder is None else (folder.absolute() / group.name).as_uri()
        # The kind makes the UI open on runs, not on traces of language models.
        tags = {"mlflow.experimentKind": "custom_model_development", NOTE_TAG: group.note}
        return str(self.client.create_experiment(group.name, location, tags))

    def _offer_view(self, experiment: str, view: str) -> None:
        """Make the view one that an address can name."""
        if self.client.get_experiment(experiment).tags.get(VIEW_TAG) != view:
            self.client.set_experiment_tag(experiment, VIEW_TAG, view)

    def _find(self, experiment: str, wanted: str) -> Any:
        """The oldest run of the experiment that is as wanted, or None."""
        order = ["attributes.start_time ASC"]
        found = self.client.search_runs([experiment], wanted, max_results=1, order_by=order)
        return found[0] if found else None

    def _scored(self, record: RunRecord) -> Any:
        """The run of the record's result, in whichever experiment, or None."""
        if record.fingerprint is None:
            return None
        ids = [item.experiment_id for item in pages(self.client.search_experiments)]
        wanted = f"tags.{FINGERPRINT_TAG} = '{record.fingerprint}'"
        return next(iter(self.client.search_runs(ids, wanted, max_results=1)), None)

    def _at_work(self, record: RunRecord) -> Any:
        """The run of the record's attempt that has no result yet, or None."""
        if record.attempt is None:
            return None
        wanted = (
            f"tags.{ATTEMPT_TAG} = '{record.attempt}' AND tags.{INPUTS_TAG} = '{record.inputs}'"
        )
        found = self.client.search_runs([self._experiment(record.group)], wanted)
        return next((run for run in found if FINGERPRINT_TAG not in run.data.tags), None)

    def _show_ended(self, info: Any, record: RunRecord) -> None:
        """Show the run as finished, and as having lasted as long as its training."""
        end_ms = info.start_time + round(1000 * (record.seconds or 0))
        if info.status != "FINISHED" or (record.seconds and info.end_time != end_ms):
            self.client.set_terminated(info.run_id, "FINISHED", end_ms)

    def _create_run(self, record: RunRecord) -> Any:
        experiment = self._experiment(record.group)
        first = self._find(experiment, OF_RECORDS)
        compared = None if first is None else first.data.params
        name = record.name or run_name(record.params, compared)
        if self._find(experiment, f"attributes.run_name = {quoted(name)}") is not None:
            # Other code, say, or another processor.
            name += f" {(record.fingerprint or record.attempt or record.inputs)[:6]}"
        first_name = "" if first is None else first.info.run_name
        note = description(record.summary, record.params, compared, first_name)
        tags = {
            INPUTS_TAG: record.inputs,
            FINGERPRINT_TAG: record.fingerprint,
            ATTEMPT_TAG: record.attempt,
            USER_TAG: record.tags.get(USER_TAG),  # the run itself keeps it, too
            NOTE_TAG: note,
        }
        tags = {key: value for key, value in tags.items() if value is not None}
        begun_ms = None
        if record.ended_s is not None:
            begun_ms = round(1000 * (record.ended_s - (record.seconds or 0)))
            # Runs of one training began together: they keep the order in which they came.
            earliest, latest = begun_ms, begun_ms + 999
            near = self.client.search_runs(
                [experiment],
                f"attributes.start_time >= {earliest} AND attributes.start_time <= {latest}",
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
            begun_ms = near[0].info.start_time + 1 if near else begun_ms
        return self.client.create_run(experiment, begun_ms, tags, name)

    def _there(self, run_id: str, point: Point) -> set[int]:
        """The steps at which the run has this metric: asked once, known from then on."""
        if (run_id, point.key) not in self._steps:
            history = self.client.get_metric_history(run_id, point.key)
            self._steps[run_id, point.key] = {item.step for item in history}
        return self._steps[run_id, point.key]

    def _add_data_sets(self, run: Any, data_sets: Sequence[DataSet]) -> int:
        inputs = run.inputs.dataset_inputs if run.inputs else []
        there = {(item.dataset.name, item.dataset.digest) for item in inputs}
        missing = [item for item in data_sets if (item.name, item.digest) not in there]
        if missing:
            self.client.log_inputs(run.info.run_id, [data_set_input(item) for item in missing])
        return len(missing)

    def _add_artifacts(self, run_id: str, artifacts: Mapping[str, Callable[[Path], object]]) -> int:
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
        return len(missing)

    def _add_model(self, run: Any, model: ModelFiles | None) -> str:
        if model is None or MODEL_TAG in run.data.tags:
            return ""
        # One process at a time: a model that is half there is then one that was given up.
        with FileLock(f"{self.store.lock}.model", timeout=60):
            model_id = logged_before(self.client, run) or log_model(self.store.uri, run, model)
            self.client.set_tag(run.info.run_id, MODEL_TAG, model_id)
        return "model"


def _missing(wanted: Mapping[str, str], there: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in sorted(wanted.items()) if key not in there]


def _shown(run: Any, added: tuple[str, ...] = ()) -> Shown:
    info, judged_by = run.info, run.data.tags.get(JUDGED_TAG)
    return Shown(str(info.run_id), str(info.experiment_id), str(info.run_name), judged_by, added)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("s" if count > 1 else "") if count else ""
