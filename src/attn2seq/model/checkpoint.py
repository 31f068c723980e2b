"""A trained model as files: weights, architecture, and the tokenizers it was trained with."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from attn2seq.config import shown
from attn2seq.errors import UserError
from attn2seq.model.config_file import CONFIG, TRAINED_FORMAT, ModelConfig, read_config
from attn2seq.model.device import moved
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import vocabulary_size


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
    content = save(weights)
    (folder / "model.safetensors").write_bytes(content)
    config = {
        "format": TRAINED_FORMAT,
        "src_vocabulary_size": model.src_vocabulary_size,
        "tgt_vocabulary_size": model.tgt_vocabulary_size,
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "model": model.settings.model_dump(),
        **({} if model.source is None else {"source": model.source.model_dump()}),
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")


def load_model(folder: Path, device: torch.device, dtype: torch.dtype) -> Seq2Seq:
    """The model of a folder, ready to decode (no dropout).

    Raises UserError where the folder is no model, is damaged, is of another format version, or
    has tokenizers of other sizes. No more memory is taken than a few times what the weights' file
    has bytes, whatever sizes config.json asks for.
    """
    config = read_config(folder / CONFIG)
    path = folder / "model.safetensors"
    # Beside the rest: some processors take a quarter of a second for 50 MB.
    with ThreadPoolExecutor(1) as thread:
        digest = thread.submit(_digest, path)
        try:
            weights = load_file(path)
        except (OSError, SafetensorError, KeyError) as error:  # KeyError: an unknown number type
            raise UserError(f"{path} cannot be read: {error}") from None
        _check_fit(path, config, weights)
        if config.source is None:
            _check_vocabulary(folder / "src.model", config.src_vocabulary_size)
        _check_vocabulary(folder / "tgt.model", config.tgt_vocabulary_size)
        with _Unfilled():
            model = _fresh(config)
        # Not strict: a tied weight has two names and is saved under one.
        model.load_state_dict(weights, strict=False)
    _check_digest(path, config.weights_sha256, digest.result())
    return moved(model, device, dtype).eval()


def _fresh(config: ModelConfig) -> Seq2Seq:
    return Seq2Seq(
        config.model, config.src_vocabulary_size, config.tgt_vocabulary_size, config.source
    )


def _check_fit(path: Path, config: ModelConfig, weights: dict[str, Tensor]) -> None:
    """Raises UserError where the weights are not those of the model, before memory is taken."""
    again = "copy the whole model folder again, or train it again"
    # Each layer has weights of its own; a number of layers beyond all reason is never made.
    if config.model.encoder_layers + config.model.decoder_layers > len(weights):
        raise UserError(f"{path} does not fit its config.json (too few layers): {again}")
    try:
        with torch.device("meta"), _Unfilled():
            model = _fresh(config)
    except (RuntimeError, TypeError, ValueError, OverflowError):  # a size too large for torch
        raise UserError(f"{path} does not fit its config.json (a size): {again}") from None
    expected = {
        name: (tuple(value.shape), torch.float32) for name, value in model.named_parameters()
    }
    found = {name: (tuple(value.shape), value.dtype) for name, value in weights.items()}
    if expected != found:
        names = sorted(
            name
            for name in expected.keys() | found.keys()
            if (name in expected) != (name in found) or expected[name] != found[name]
        )
        raise UserError(
            f"{path} does not fit its config.json (first differing weight: {shown(names[0])}): "
            f"{again}"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_digest(path: Path, expected: str, found: str) -> None:
    """Raises UserError where a byte of the weights is another: a wrong weight shows nowhere."""
    if found != expected:
        raise UserError(
            f"{path} is damaged, or not the one of its config.json (its sha256 is {found}, not "
            f"{shown(expected)}): copy the whole model folder again, or train it again"
        )


class _Unfilled(TorchFunctionMode):
    """Draws no random weights, which others would replace, and leaves torch's generator alone.

    Where there is no memory, torch takes a second to learn how.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        # kaiming_uniform_ too, and whatever else init has of the kind
        if func.__name__.endswith(("normal_", "uniform_")):
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def _check_vocabulary(path: Path, size: int) -> None:
    """Raises UserError where the tokenizer is there and is not the model's own."""
    if path.exists() and (found := vocabulary_size(path)) != size:
        raise UserError(
            f"{path} has {found:,} pieces, but the model was trained with {size:,}: copy the whole "
            "model folder again"
        )
