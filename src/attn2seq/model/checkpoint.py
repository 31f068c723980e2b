"""A trained model as files: weights, architecture, and the tokenizers it was trained with."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from attn2seq.errors import UserError
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings

FORMAT_VERSION = 1


def weights_of(model: Seq2Seq) -> dict[str, Tensor]:
    """Each weight once, as contiguous float32 on the CPU, whatever the model computes in."""
    return {
        name: parameter.detach().to("cpu", torch.float32).contiguous()
        for name, parameter in model.named_parameters()
    }


def save_model(folder: Path, model: Seq2Seq, weights: dict[str, Tensor]) -> None:
    """Write `model.safetensors` and `config.json` into an existing folder."""
    # No metadata: with two or more keys the bytes would differ between processes.
    # Its own way to a file hides why a write failed.
    (folder / "model.safetensors").write_bytes(save(weights))
    config = {
        "format": FORMAT_VERSION,
        "src_vocabulary_size": model.src_vocabulary_size,
        "tgt_vocabulary_size": model.tgt_vocabulary_size,
        "model": model.settings.model_dump(),
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def load_model(folder: Path, device: torch.device, dtype: torch.dtype) -> Seq2Seq:
    """The model of a folder, ready to decode (no dropout).

    Raises UserError where the folder is no model, is damaged, or is of another format version.
    """
    config = _read_config(folder / "config.json")
    weights_path = folder / "model.safetensors"
    try:
        settings = ModelSettings.model_validate(config["model"])
        model = Seq2Seq(settings, config["src_vocabulary_size"], config["tgt_vocabulary_size"])
        weights = load_file(weights_path)
    except (KeyError, TypeError, RuntimeError, ValidationError) as error:
        raise UserError(f"{folder / 'config.json'} does not describe a model: {error}") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"{weights_path} cannot be read: {error}") from None
    expected = {name: tuple(value.shape) for name, value in model.named_parameters()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != found:
        names = sorted(
            name
            for name in expected.keys() | found.keys()
            if (name in expected) != (name in found) or expected[name] != found[name]
        )
        raise UserError(
            f"{weights_path} does not fit its config.json (first differing weight: {names[0]}): "
            f"copy the whole model folder again, or train it again"
        )
    # Not strict: a tied weight has two names and is saved under one.
    model.load_state_dict(weights, strict=False)
    return model.to(device, dtype).eval()


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path.parent} holds no model (config.json is missing): "
            f"train one with `dvc repro train`"
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT_VERSION:
        raise UserError(
            f"{path} is not of model format {FORMAT_VERSION}, the one that this version reads"
        )
    return config
