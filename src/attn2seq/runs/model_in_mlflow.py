"""The trained model behind an MLflow address. Weights and settings are read, no code is run."""

import os
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.model.config_file import CONFIG
from attn2seq.model_folder import ModelFolder, read_model_folder
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import StoreUnavailableError
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root

# Where attn2seq.runs.log_model has MLflow put the model folder within what it logs.
INSIDE = Path("artifacts/model")
OTHER_CODE = "If other code logged the model: MLflow runs it with the code stored with it"
ADDRESS = re.compile(r"models:/([^/@]+([/@][^/@]+)?)|runs:/[^/]+/.+")


def model_in_mlflow(address: str, scratch: Path) -> ModelFolder:
    """The model folder at the address. Files from a server come into `scratch`.

    Raises UserError, and StoreUnavailableError where MLflow is not installed or does not answer.
    """
    if not ADDRESS.fullmatch(address):
        raise UserError(
            f"{address} is no address of a model in MLflow: models:/<name>@<alias>, "
            "models:/<name>/<version>, models:/<model id> or runs:/<run id>/model"
        )
    if find_spec("mlflow") is None:
        raise StoreUnavailableError(
            f"{address} is in MLflow, which is not installed here: pip install 'attn2seq[pipeline]'"
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

        mlflow.set_tracking_uri(store.uri)
        try:
            files = Path(mlflow.artifacts.download_artifacts(address, dst_path=str(scratch)))
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            reason = str(error).strip().splitlines()[0].removeprefix(f"{error.error_code}: ")
            raise UserError(f"{address} names no model in {store.uri}: {reason}") from None
    if not (files / INSIDE / CONFIG).is_file():
        raise UserError(f"{address} is no model that attn2seq logged: {INSIDE} is missing in it")
    return replace(read_model_folder(files / INSIDE), if_unfit=OTHER_CODE)
