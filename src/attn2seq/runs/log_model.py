"""The model folder of a run, as MLflow keeps it: with the code that decodes, and its origin."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.decoding.settings import OPTIONS
from attn2seq.errors import UserError
from attn2seq.model_card import origin_lines
from attn2seq.model_folder import read_model_folder
from attn2seq.packaging import CARD
from attn2seq.runs.carried_code import copy_carried, entry_of
from attn2seq.runs.logged_models import requirements
from attn2seq.runs.record import ModelFiles


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
        _add_origin(folder / CARD, model.origin)
        package = copy_carried(model.package, Path(scratch) / "code")
        kind = _model_with_params(Model, _params(package, model.folder))
        info = kind.log(
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


def _params(package: Path, folder: Path) -> dict[str, Any]:
    """What a request's params may hold, and the model's own values; nothing of older code, which
    takes none.
    """
    if "params:" not in entry_of(package).read_text(encoding="utf-8"):
        return {}
    try:
        decode = read_model_folder(folder).decode
    except UserError:  # of a version that this one cannot read
        return {}
    return {name: decode[name] for name in OPTIONS if name in decode}


def _model_with_params(model_class: type, params: Mapping[str, Any]) -> Any:
    """MLflow reads a model's signature from its type hints, which cannot name the params."""
    from mlflow.types import ParamSchema, ParamSpec

    kinds = {int: "long", float: "double", str: "string"}
    specs = [ParamSpec(name, kinds[type(value)], value) for name, value in params.items()]

    class ModelWithParams(model_class):  # type: ignore[misc]  # mlflow has no types
        @property
        def signature(self) -> Any:
            return self._signature

        @signature.setter
        def signature(self, read: Any) -> None:
            if read and specs:
                read.params = ParamSchema(specs)
            self._signature = read

    return ModelWithParams


def _add_origin(card: Path, origin: Mapping[str, str]) -> None:
    """Say in the copy where it is from: the folder itself says nothing that differs by run."""
    if origin:
        lines = ["", "## This copy", *origin_lines(origin), ""]
        with card.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines))
