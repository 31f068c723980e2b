"""The trained model behind an MLflow address. Weights and settings are read, no code is run."""

import os
import re
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root

# Where attn2seq.runs.mlflow_store puts the model folder within what it logs.
INSIDE = Path("artifacts/model")
ADDRESS = re.compile(r"models:/([^/@]+([/@][^/@]+)?)|runs:/[^/]+/.+")


def model_in_mlflow(address: str, scratch: Path) -> tuple[Path, str | None]:
    """The model folder, with decode.json in it, and the Unicode form that its run was told.

    Files from a server come into `scratch`. Raises UserError, and StoreUnavailableError where
    MLflow is not installed or does not answer.
    """
    if not ADDRESS.fullmatch(address):
        raise UserError(
            f"{address} is no address of a model in MLflow: models:/<name>@<alias>, "
            "models:/<name>/<version>, models:/<model id> or runs:/<run id>/model"
        )
    store = store_of(main_root(), os.environ.get("MLFLOW_TRACKING_URI"))
    if store.database is not None and not store.database.is_file():
        raise UserError(
            f"{address}: no runs here ({store.database} is missing). `make track` adds this "
            "workspace's run; MLFLOW_TRACKING_URI names a server"
        )
    runs = Runs(store, COMPLETE_TIMEOUT_S)
    with runs.answering():
        import mlflow
        from mlflow.exceptions import MlflowException
        from mlflow.models import Model

        mlflow.set_tracking_uri(store.uri)
        try:
            files = Path(mlflow.artifacts.download_artifacts(address, dst_path=str(scratch)))
            run_id = Model.load(str(files)).run_id
            run = runs.client.get_run(run_id) if run_id else None
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            reason = str(error).strip().splitlines()[0].removeprefix(f"{error.error_code}: ")
            raise UserError(f"{address} names no model in {store.uri}: {reason}") from None
    if not (files / INSIDE / "config.json").is_file():
        raise UserError(f"{address} is no model that attn2seq logged: {INSIDE} is missing in it")
    return files / INSIDE, None if run is None else run.data.params.get("prepare.unicode_form")
