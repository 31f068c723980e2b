"""Which folders of the local artifact store belong to no run, and so can go.

MLflow keeps the files of a run that was deleted, and knows nothing of those whose database is gone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from attn2seq.runs.mlflow_store import Tracker
from attn2seq.runs.record import Store

TIMEOUT_S = 20


def ownerless_folders(store: Store) -> list[Path]:
    """Folders `<experiment>/<run>` and `<experiment>/models/<model>` of no run that is there.

    Models of the registry stay, whatever became of their run. A server looks after its files
    itself: there the list is empty. Raises TrackingUnavailableError.
    """
    if store.artifacts is None or store.database is None or not store.artifacts.is_dir():
        return []
    owned = _owned(Tracker(store, TIMEOUT_S)) if store.database.is_file() else set()
    experiments = [folder for folder in store.artifacts.iterdir() if folder.is_dir()]
    places = [place for folder in experiments for place in (folder, folder / "models")]
    found = [item for place in places if place.is_dir() for item in place.iterdir()]
    return sorted(
        item for item in found if item.is_dir() and item.name != "models" and item not in owned
    )


def _owned(tracker: Tracker) -> set[Path]:
    """The folders of runs that are not deleted, of their models, and of registered models."""
    client = tracker.client
    with tracker.answering():
        ids = [item.experiment_id for item in _pages(client.search_experiments)]
        runs = _pages(lambda page_token: client.search_runs(ids, page_token=page_token))
        models = _pages(lambda page_token: client.search_logged_models(ids, page_token=page_token))
        versions = _pages(lambda page_token: client.search_model_versions(page_token=page_token))
    alive = {run.info.run_id for run in runs}
    registered = {version.source.rsplit("/", 1)[-1] for version in versions}
    folders = {_folder(run.info.artifact_uri) for run in runs}
    return folders | {
        _folder(model.artifact_location)
        for model in models
        if model.source_run_id in alive or model.model_id in registered
    }


def _pages(search: Callable[..., Any]) -> list[Any]:
    found, token = [], None
    while page := search(page_token=token):
        found += page
        token = page.token
        if not token:
            break
    return found


def _folder(address: str) -> Path:
    """`file:///runs/1/artifacts` and `/runs/1/artifacts` give `/runs/1`."""
    return Path(unquote(urlparse(address).path)).parent
