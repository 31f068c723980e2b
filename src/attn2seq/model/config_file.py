"""config.json, which describes a trained model; read without torch, and before the weights are.

There are two formats. Training writes format 2: the architecture alone. The stage `package` writes
format 3, of a folder that is complete by itself: also what its texts are, and how it is searched.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from attn2seq.config import Settings, unique_keys, validate
from attn2seq.errors import UserError
from attn2seq.features.settings import FrameSource
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import EOS_ID

CONFIG = "config.json"
TRAINED_FORMAT, COMPLETE_FORMAT = 2, 3
# Of one model; the further models of an ensemble have a folder each in `members`.
FILES = ("model.safetensors", CONFIG, "src.model", "tgt.model")
MEMBERS = "members"
_MAX_CONFIG_BYTES = 1 << 20
# What a model that was trained before there were Transformers leaves unsaid.
_RECURRENT = {
    "encoder": "recurrent",
    "decoder": "recurrent",
    "feed_forward_size": 1024,
    "layer_normalisation": "pre",
    "decoder_mixing": "self_attention",
}


# Of these no weight depends.
_FREE = {
    *("embedding_dropout", "layer_dropout", "readout_dropout", "variational_dropout"),
    "freeze_embeddings",
}


class ModelConfig(Settings):
    """What config.json holds."""

    format: int
    src_vocabulary_size: int = Field(ge=0)  # 0: sources are frames
    tgt_vocabulary_size: int = Field(gt=EOS_ID)
    weights_sha256: str  # of model.safetensors, which has no checksum of its own
    model: ModelSettings
    source: FrameSource | None = None  # where sources are the frames of recordings
    # What the rooms that know them check: see attn2seq.model_folder.
    texts: dict[str, Any] | None = None
    decode: dict[str, Any] | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Those of the model: what reads recordings has no source vocabulary."""
        wanted = FILES if self.source is None else [name for name in FILES if name != "src.model"]
        return tuple(wanted)

    @model_validator(mode="after")
    def _one_kind_of_source(self) -> "ModelConfig":
        if (self.source is None) != (self.src_vocabulary_size > EOS_ID):
            raise ValueError(
                f"src_vocabulary_size must be above {EOS_ID} for texts, and 0 with the section "
                f"source, got {self.src_vocabulary_size}"
            )
        return self

    @model_validator(mode="after")
    def _complete(self) -> "ModelConfig":
        complete = self.texts is not None and self.decode is not None
        if self.format == COMPLETE_FORMAT and not complete:
            raise ValueError(f"format {COMPLETE_FORMAT} has the sections texts and decode")
        return self


def differing(wanted: ModelSettings, found: ModelSettings) -> list[str]:
    """What keeps a model of the settings `wanted` from taking over weights of `found`."""
    return [
        f"model.{name} is {value}, and that model has {getattr(found, name)}"
        for name, value in wanted
        if name not in _FREE and value != getattr(found, name)
    ]


def read_config(path: Path) -> ModelConfig:
    """The config.json at `path`. Raises UserError where it is none that this version reads."""
    values = _read_json(path)
    if not isinstance(values, dict) or values.get("format") not in (
        TRAINED_FORMAT,
        COMPLETE_FORMAT,
    ):
        raise UserError(
            f"{path} is not of model format {TRAINED_FORMAT} or {COMPLETE_FORMAT}, those that "
            "this version reads"
        )
    if isinstance(values.get("model"), dict):
        values["model"] = _RECURRENT | values["model"]
    source = f"{path} does not describe a model: it"
    config = validate({"config": ModelConfig}, {"config": values}, source)["config"]
    assert isinstance(config, ModelConfig)
    return config


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_CONFIG_BYTES).decode("utf-8")
        return json.loads(text, object_pairs_hook=unique_keys)
    except FileNotFoundError:
        raise UserError(
            f"{path.parent} holds no model ({path.name} is missing): train one with `dvc repro`"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
