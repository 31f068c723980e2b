"""Where a run stands in MLflow: its experiment, and the data sets it read."""

import json
from typing import Any

from attn2seq.runs.record import DataSet, Group, Store

NOTE_TAG = "mlflow.note.content"


def experiment_of(client: Any, store: Store, group: Group) -> str:
    """The id of the group's experiment, created where it is missing, with its note."""
    found = client.get_experiment_by_name(group.name)
    if found is not None and found.lifecycle_stage == "active":
        if NOTE_TAG not in found.tags:
            client.set_experiment_tag(found.experiment_id, NOTE_TAG, group.note)
        return str(found.experiment_id)
    if found is not None:
        # A deleted experiment keeps its name from being used: give it another.
        client.restore_experiment(found.experiment_id)
        aside = f"{group.name} (deleted, {found.experiment_id})"
        client.rename_experiment(found.experiment_id, aside)
        client.delete_experiment(found.experiment_id)
    location = None if store.artifacts is None else store.artifacts.absolute() / group.name
    return str(
        client.create_experiment(
            group.name,
            artifact_location=None if location is None else location.as_uri(),
            # The kind makes the UI open on runs, not on traces of language models.
            tags={"mlflow.experimentKind": "custom_model_development", NOTE_TAG: group.note},
        )
    )


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
