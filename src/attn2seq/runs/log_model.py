"""The trained model of a run, as MLflow keeps it: weights, settings, and the code that decodes."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from attn2seq.runs.carried_code import copy_carried, entry_of
from attn2seq.runs.logged_models import requirements
from attn2seq.runs.record import ModelFiles
from attn2seq.whole import write_json


def log_model(store_uri: str, run: Any, model: ModelFiles) -> str:
    """Log the model of an MLflow run; the id that MLflow gives it."""
    import mlflow
    from mlflow.models import Model

    mlflow.set_tracking_uri(store_uri)
    mlflow.set_experiment(experiment_id=run.info.experiment_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        # Copied, not linked: the files may be read-only parts of a cache.
        shutil.copytree(model.folder, folder, copy_function=shutil.copyfile)
        write_json(folder / "decode.json", dict(model.decode))
        write_json(folder / "texts.json", {"unicode_form": model.unicode_form})
        package = copy_carried(model.package, Path(scratch) / "code")
        info = Model.log(
            artifact_path=None,
            name="model",
            flavor=mlflow.pyfunc,
            flavor_name="pyfunc.ModelFromCode",
            run_id=run.info.run_id,
            python_model=str(entry_of(package)),
            code_paths=[str(package)],
            artifacts={"model": str(folder)},
            pip_requirements=requirements(),
        )
    return str(info.model_id)
