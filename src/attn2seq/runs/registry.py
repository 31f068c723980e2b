"""MLflow's model registry: of each corpus one model, and the version that is its champion; and
which of the stored files belong to no run.

Who is champion is noted in the cache, too, which outlives the database.

Registry(runs, root).crown("phrasebook-en-de", candidate, card="# phrasebook-en-de ...")
mlflow.pyfunc.load_model("models:/phrasebook-en-de@champion").predict(["a text"])
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from attn2seq.runs.mlflow_client import pages
from attn2seq.runs.mlflow_store import FINGERPRINT_TAG, MODEL_TAG, OF_RECORDS, Runs
from attn2seq.runs.record import Store
from attn2seq.whole import write_json
from attn2seq.workspace.fingerprint import digest
from attn2seq.workspace.paths import CHAMPIONS

CHAMPION = "champion"
CARD = "model_card.md"
TIMEOUT_S = 20


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
    """Every method may raise StoreUnavailableError. `root` is the main repository."""

    def __init__(self, runs: Runs, root: Path) -> None:
        self._runs = runs
        self._client = runs.client
        # Of the store's address, which may hold a password, a digest will do.
        self._notes = root / CHAMPIONS / digest(runs.store.uri)

    def candidates(self, experiment: str) -> list[Candidate]:
        """Every run of the experiment that could be registered, the latest first."""
        wanted = f"{OF_RECORDS} AND tags.{MODEL_TAG} LIKE '%' AND attributes.status = 'FINISHED'"
        order = ["attributes.start_time DESC"]
        with self._runs.answering():
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                return []
            ids = [found.experiment_id]
            search = partial(self._client.search_runs, ids, wanted, order_by=order)
            runs = pages(search)
        return [_candidate(run) for run in runs]

    def lost_champions(self) -> Iterator[tuple[str, str, Candidate | None]]:
        """Each model that had a champion and has none: its name, the name of the champion's run,
        and that run, or None where it is not here with its model.
        """
        for path in sorted(self._notes.glob("*.json")):
            try:
                noted = json.loads(path.read_text(encoding="utf-8"))
                fingerprint, name = noted["fingerprint"], noted["run"]
            except (ValueError, KeyError, TypeError):  # of a cache, so it may be gone
                continue
            if self.champion(path.stem) is None:
                runs = self.candidates(path.stem)
                same = [run for run in runs if run.tags.get(FINGERPRINT_TAG) == fingerprint]
                yield path.stem, name, next(iter(same), None)

    def champion(self, name: str) -> Champion | None:
        """The champion of the registered model, if there is one."""
        with self._runs.answering():
            for model in self._client.search_registered_models(f"name = '{name}'"):
                if CHAMPION in model.aliases:
                    version = self._client.get_model_version_by_alias(name, CHAMPION)
                    return Champion(str(version.version), str(version.run_id))
        return None

    def run(self, run_id: str) -> Candidate | None:
        """The run of a registered version, or None where it was deleted."""
        with self._runs.answering():
            run = self._client.get_run(run_id)
        gone = run.info.lifecycle_stage != "active" or MODEL_TAG not in run.data.tags
        return None if gone else _candidate(run)

    def read_artifact(self, run_id: str, path: str) -> str | None:
        """The text of a run's artifact, or None where the run has none of that path."""
        folder = path.rpartition("/")[0]
        with self._runs.answering(), tempfile.TemporaryDirectory() as scratch:
            there = {item.path for item in self._client.list_artifacts(run_id, folder or None)}
            if path not in there:
                return None
            file = Path(self._client.download_artifacts(run_id, path, scratch))
            return file.read_text(encoding="utf-8")

    def crown(self, name: str, candidate: Candidate, card: str) -> Champion:
        """Register the candidate's model, unless it is, and give it the alias and the card."""
        with self._runs.answering(), tempfile.TemporaryDirectory() as scratch:
            if not self._client.search_registered_models(f"name = '{name}'"):
                about = f"Models of the corpus {name}; the best by dev score is the champion."
                self._client.create_registered_model(name, description=about)
            version = self._version(name, candidate)
            self._client.update_model_version(name, version, description=card)
            file = Path(scratch) / CARD
            file.write_text(card, encoding="utf-8")
            self._client.log_artifact(candidate.run_id, str(file))
            self._client.log_model_artifact(candidate.model_id, str(file))
            self._client.set_registered_model_alias(name, CHAMPION, version)
        noted = {"run": candidate.name, "fingerprint": candidate.tags.get(FINGERPRINT_TAG)}
        write_json(self._notes / f"{name}.json", noted)
        return Champion(version, candidate.run_id)

    def _version(self, name: str, candidate: Candidate) -> str:
        wanted = f"name = '{name}' AND run_id = '{candidate.run_id}'"
        for version in self._client.search_model_versions(wanted):
            return str(version.version)
        source = f"models:/{candidate.model_id}"
        created = self._client.create_model_version(
            name, source, candidate.run_id, model_id=candidate.model_id
        )
        return str(created.version)


def ownerless_folders(store: Store) -> list[Path]:
    """Folders `<experiment>/<run>` and `<experiment>/models/<model>` of no run that is there.

    MLflow keeps the files of a run that was deleted, and knows nothing of those whose database is
    gone. Models of the registry stay, whatever became of their run. A server looks after its files
    itself: there the list is empty. Raises StoreUnavailableError.
    """
    if store.artifacts is None or store.database is None or not store.artifacts.is_dir():
        return []
    owned = _owned(Runs(store, TIMEOUT_S)) if store.database.is_file() else set()
    there = [*store.artifacts.glob("*/*"), *store.artifacts.glob("*/models/*")]
    return sorted(
        item for item in there if item.is_dir() and item.name != "models" and item not in owned
    )


def _owned(runs: Runs) -> set[Path]:
    """The folders of runs that are not deleted, of their models, and of registered models."""
    client = runs.client
    with runs.answering():
        ids = [item.experiment_id for item in pages(client.search_experiments)]
        alive = pages(partial(client.search_runs, ids))
        models = pages(partial(client.search_logged_models, ids))
        versions = pages(client.search_model_versions)
    kept = {run.info.run_id for run in alive}
    registered = {version.source.rsplit("/", 1)[-1] for version in versions}
    addresses = [run.info.artifact_uri for run in alive]
    addresses += [
        model.artifact_location
        for model in models
        if model.source_run_id in kept or model.model_id in registered
    ]
    # `file:///store/1/artifacts` and `/store/1/artifacts` are both in `/store/1`.
    return {Path(unquote(urlparse(address).path)).parent for address in addresses}


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
