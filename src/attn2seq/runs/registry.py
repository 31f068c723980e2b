"""MLflow's model registry: of each corpus one model, and the version that is its champion.

Registry(tracker).crown("phrasebook-en-de", candidate, card="# phrasebook-en-de ...")
mlflow.pyfunc.load_model("models:/phrasebook-en-de@champion").predict(["a text"])
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn2seq.runs.mlflow_store import MODEL_TAG, OF_RECORDS, Tracker

CHAMPION = "champion"
CARD = "model_card.md"


@dataclass(frozen=True)
class Candidate:
    """A run that has a model and scores."""

    run_id: str
    name: str
    model_id: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    data_sets: Mapping[str, tuple[str, str]]  # train, dev, test -> name, digest


@dataclass(frozen=True)
class Champion:
    """The version that has the alias."""

    version: str
    run_id: str


class Registry:
    """Every method may raise TrackingUnavailableError."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._client = tracker.client

    def candidates(self, experiment: str) -> list[Candidate]:
        """Every run of the experiment that could be registered, the latest first."""
        with self._tracker.answering():
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                return []
            wanted = (
                f"{OF_RECORDS} AND tags.{MODEL_TAG} LIKE '%' AND attributes.status = 'FINISHED'"
            )
            order = ["attributes.start_time DESC"]
            runs, token = [], None
            while page := self._client.search_runs(
                [found.experiment_id], wanted, order_by=order, page_token=token
            ):
                runs += page
                token = page.token
                if not token:
                    break
        return [_candidate(run) for run in runs]

    def champion(self, name: str) -> Champion | None:
        """The champion of the registered model, if there is one."""
        with self._tracker.answering():
            wanted = f"name = '{name}'"
            for model in self._client.search_registered_models(wanted):
                if CHAMPION in model.aliases:
                    version = self._client.get_model_version_by_alias(name, CHAMPION)
                    return Champion(str(version.version), str(version.run_id))
        return None

    def run(self, run_id: str) -> Candidate | None:
        """The run of a registered version, or None where it was deleted."""
        with self._tracker.answering():
            run = self._client.get_run(run_id)
            gone = run.info.lifecycle_stage != "active" or MODEL_TAG not in run.data.tags
        return None if gone else _candidate(run)

    def read_artifact(self, run_id: str, path: str) -> str | None:
        """The text of a run's artifact, or None where the run has none of that path."""
        folder = path.rpartition("/")[0]
        with self._tracker.answering(), tempfile.TemporaryDirectory() as scratch:
            there = {item.path for item in self._client.list_artifacts(run_id, folder or None)}
            if path not in there:
                return None
            file = Path(self._client.download_artifacts(run_id, path, scratch))
            return file.read_text(encoding="utf-8")

    def crown(self, name: str, candidate: Candidate, card: str) -> Champion:
        """Register the candidate's model, unless it is, and give it the alias and the card."""
        with self._tracker.answering():
            if not self._client.search_registered_models(f"name = '{name}'"):
                about = f"Models of the corpus {name}; the best by dev score is the champion."
                self._client.create_registered_model(name, description=about)
            version = self._version(name, candidate)
            self._client.update_model_version(name, version, description=card)
            with tempfile.TemporaryDirectory() as scratch:
                file = Path(scratch) / CARD
                file.write_text(card, encoding="utf-8")
                self._client.log_artifact(candidate.run_id, str(file))
                self._client.log_model_artifact(candidate.model_id, str(file))
            self._client.set_registered_model_alias(name, CHAMPION, version)
        return Champion(version, candidate.run_id)

    def _version(self, name: str, candidate: Candidate) -> str:
        wanted = f"name = '{name}' AND run_id = '{candidate.run_id}'"
        for version in self._client.search_model_versions(wanted):
            return str(version.version)
        created = self._client.create_model_version(
            name,
            f"models:/{candidate.model_id}",
            candidate.run_id,
            model_id=candidate.model_id,
        )
        return str(created.version)


def _candidate(run: Any) -> Candidate:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return Candidate(
        run_id=str(run.info.run_id),
        name=str(run.info.run_name),
        model_id=str(run.data.tags[MODEL_TAG]),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        data_sets={
            tag.value: (item.dataset.name, item.dataset.digest)
            for item in inputs
            for tag in item.tags
            if tag.key == "mlflow.data.context"
        },
    )
