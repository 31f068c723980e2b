"""An exported model: a folder that needs neither this package nor torch.

    encoder.onnx  decoder_step.onnx  src.model  tgt.model  export.json

export.json says how they belong together; docs/design.md lists what it holds.
"""

import json
import logging
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attn2seq.config import validate
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model_folder import ModelFolder
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer
from attn2seq.whole import whole_folder

if TYPE_CHECKING:
    import onnxruntime

EXPORT, FORMAT = "export.json", 1
PACKAGES = ("onnx", "onnxruntime")
Weights = Literal["float32", "int8"]


def export_model(model: ModelFolder, target: Path, weights: Weights = "float32") -> float:
    """Write the model to the folder `target`; gives the largest difference to torch's results.

    With weights in float32 it must be rounding; `int8` rounds the weights after that was checked,
    and may differ by any amount, if it is a number. Raises UserError where a package is missing,
    the folder is another one, or the model cannot be written.
    """
    _check_packages()
    taken = target.is_file() or (target.is_dir() and any(target.iterdir()))
    if taken and not (target / EXPORT).is_file():
        raise UserError(f"{target} is there and holds no exported model: name another folder")
    if model.recordings:
        raise UserError(
            f"{model.path} reads recordings, whose frames no graph makes: only models that read "
            "texts are exported"
        )
    decode = validate({"decode": DecodeSettings}, {"decode": model.decode}, model.told_by)["decode"]
    assert isinstance(decode, DecodeSettings)
    if decode.ensemble:
        raise UserError(
            f"{model.path} decodes with an ensemble ({', '.join(decode.ensemble)}), and an export "
            f"holds one model: export that of one folder, such as "
            f"{model.path / 'members' / decode.ensemble[0]}"
        )
    for name in ("src.model", "tgt.model"):
        _check_vocabulary(model.path / name)
    import torch

    from attn2seq.export.check import TOLERANCE, largest_difference, session
    from attn2seq.export.graphs import ENCODER, STEP, write_graphs
    from attn2seq.model.checkpoint import load_model

    with whole_folder(target) as folder:
        cpu, number_type = torch.device("cpu"), torch.float32
        write_graphs(load_model(model.path, cpu, number_type), folder)
        trained = load_model(model.path, cpu, number_type)
        difference = largest_difference(trained, folder, TOLERANCE)
        encoder, step = session(folder / ENCODER), session(folder / STEP)
        facts = {
            "format": FORMAT,
            "weights": weights,
            "unicode_form": model.unicode_form,
            "ids": {"pad": PAD_ID, "unk": UNK_ID, "bos": BOS_ID, "eos": EOS_ID},
            "encoder": _described(ENCODER, encoder),
            "decoder_step": _described(STEP, step),
            "states": _states(encoder, step),
            "decode": decode.model_dump(),
        }
        if weights == "int8":
            for name in (ENCODER, STEP):
                _round_weights(folder / name)
            difference = largest_difference(trained, folder, math.inf)
        for name in ("src.model", "tgt.model"):
            shutil.copyfile(model.path / name, folder / name)
        text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / EXPORT).write_text(text, encoding="utf-8")
    return difference


def _check_packages() -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"export needs {' and '.join(missing)}, which this environment lacks: install them "
            "with pip install 'attn2seq[export]'"
        )


def _check_vocabulary(path: Path) -> None:
    """Raises UserError where sentencepiece alone would not cut texts as training did."""
    tokenizer = Tokenizer(path)
    if tokenizer.symbols and tokenizer.model_type == "unigram":
        raise UserError(
            f"{path} is a unigram vocabulary with user-defined symbols, which sentencepiece alone "
            "may cut: an exported model would read other pieces. Train with tokenize.model_type bpe"
        )


def _described(file: str, graph: "onnxruntime.InferenceSession") -> dict[str, Any]:
    """Names, types and shapes; a dimension that may change has a name."""

    def entries(values: Any) -> dict[str, Any]:
        return {value.name: {"shape": value.shape, "type": value.type} for value in values}

    return {
        "file": file,
        "inputs": entries(graph.get_inputs()),
        "outputs": entries(graph.get_outputs()),
    }


def _states(
    encoder: "onnxruntime.InferenceSession", step: "onnxruntime.InferenceSession"
) -> dict[str, Any]:
    """Of each state that a step takes: the output that it is taken from next, and the encoder's
    output that it starts from; null: zeros, and no position where it has one for each target token.
    """
    starts = {output.name for output in encoder.get_outputs()}
    outputs = {output.name for output in step.get_outputs()}
    return {
        name: {
            "next": f"next_{name}",
            "start": f"start_{name}" if f"start_{name}" in starts else None,
        }
        for name in (entry.name for entry in step.get_inputs())
        if f"next_{name}" in outputs
    }


def _round_weights(path: Path) -> None:
    """The weights of products and LSTMs in 8 bits, in place of the file."""
    import onnx
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    prepared, rounded = path.with_suffix(".prepared"), path.with_suffix(".int8")
    with _quiet():
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
    graph = onnx.load(prepared).graph
    # The quantiser takes a vector, such as that of additive attention, for a matrix.
    vectors = {weight.name for weight in graph.initializer if len(weight.dims) < 2}
    exclude = [
        node.name for node in graph.node if node.op_type == "MatMul" and vectors & set(node.input)
    ]
    with _quiet():
        quantize_dynamic(
            prepared,
            rounded,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=exclude,
        )
    rounded.replace(path)
    prepared.unlink()


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser's advice is for those who write graphs."""
    logger = logging.getLogger()
    usual = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(usual)
