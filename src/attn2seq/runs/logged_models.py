"""What a model in MLflow needs where it is loaded, and which a run has already."""

from importlib.metadata import version
from typing import Any

# Besides mlflow.
PACKAGES = (
    "numpy", "pydantic", "regex", "ruamel.yaml", "sacrebleu", "safetensors", "sentencepiece",
    "torch",
)  # fmt: skip


def requirements() -> list[str]:
    """Exact versions, less a build's own suffix (2.13.0+cpu), which no index knows."""
    return [f"{name}=={version(name).split('+')[0]}" for name in PACKAGES]


def logged_before(client: Any, run: Any) -> str | None:
    """The id of the run's model where an answer was lost after it had been logged.

    What was left of one half way is deleted, so that a run never shows two.
    """
    found = client.search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    ready = [str(model.model_id) for model in found if str(model.status) == "READY"]
    for model in found:
        if str(model.model_id) not in ready[:1]:
            client.delete_logged_model(model.model_id)
    return ready[0] if ready else None
