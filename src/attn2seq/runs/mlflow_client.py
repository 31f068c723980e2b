"""MLflow's client, as it is used here: quiet, made once, and with one kind of error."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from attn2seq.runs.record import DataSet, Store, StoreUnavailableError

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def quieten(request_timeout_s: int) -> None:
    """To be called before mlflow is imported; what the user has set stands."""
    for name, value in {**QUIET, "MLFLOW_HTTP_REQUEST_TIMEOUT": str(request_timeout_s)}.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # tells of migrations


@contextmanager
def answering(store: Store) -> Iterator[None]:
    """Whatever goes wrong between us and MLflow's store becomes one kind of error."""
    try:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise StoreUnavailableError(
            f"MLflow is not installed here ({error}): pip install 'attn2seq[pipeline]'"
        ) from None
    try:
        yield
    # An ImportError: the driver of the database that the address names is not installed.
    except (MlflowException, SQLAlchemyError, OSError, ImportError, Timeout) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        said = f"MLflow at {store.uri} does not answer ({reason})"
        if store.database is not None and "not a database" in reason:
            said += ". Delete the file, and `attn2seq track --all` restores the runs"
        raise StoreUnavailableError(said) from error


def connected(store: Store) -> Any:
    """A client of the store, whose database is made where it is missing.

    Its tables are made beside, then renamed: a process killed meanwhile leaves no half database.
    """
    from mlflow import MlflowClient

    store.lock.parent.mkdir(parents=True, exist_ok=True)
    if store.database is not None and not store.database.exists():
        with FileLock(store.lock, timeout=60):
            if not store.database.exists():
                beside = store.database.with_name(store.database.name + ".new")
                beside.unlink(missing_ok=True)
                MlflowClient(f"sqlite:///{beside}").search_experiments(max_results=1)
                beside.replace(store.database)
    return MlflowClient(store.uri)


def pages(search: Callable[..., Any]) -> list[Any]:
    """All that a search of MLflow's client finds, page by page."""
    from mlflow.utils import get_results_from_paginated_fn

    found: list[Any] = get_results_from_paginated_fn(
        lambda size, token: search(max_results=size, page_token=token), 100
    )
    return found


def data_set_input(item: DataSet) -> Any:
    """A split as MLflow's column `Dataset` shows it."""
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


def quoted(text: str) -> str:
    """A text as MLflow's filters read it. They know no escapes: one with both quotes loses some."""
    mark = '"' if "'" in text else "'"
    return mark + text.replace(mark, "") + mark
