"""A model as two ONNX graphs: the encoder, and one step of the decoder.

Shapes: B batch, N rows of a step, S source positions, V target vocabulary.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attn2seq.batching.batch import pad_batch
from attn2seq.errors import UserError
from attn2seq.export.parts import exportable
from attn2seq.model.decoder import DecoderState, RecurrentDecoder
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import BOS_ID, UNK_ID

ENCODER, STEP = "encoder.onnx", "decoder_step.onnx"
OPSET = 18
Named = dict[str, Tensor]


class Encoder(nn.Module):
    """From the source to what every step reads of it, and where the decoder starts."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def named(self, src_BS: Tensor, src_lengths_B: Tensor) -> Named:
        """The outputs; a state of the decoder that has no `start_` among them starts from zeros."""
        encoded = self.model.encode(src_BS, src_lengths_B)
        found = source_tensors(encoded)
        decoder = self.model.decoder
        if isinstance(decoder, RecurrentDecoder) and decoder.bridge.kind != "zero":
            start = DecoderState(decoder.bridge(encoded.final_states))
            found |= {f"start_{name}": part for name, part in state_tensors(start).items()}
        return found

    def forward(self, src_BS: Tensor, src_lengths_B: Tensor) -> tuple[Tensor, ...]:
        """The values of `named`."""
        return tuple(self.named(src_BS, src_lengths_B).values())


class Step(nn.Module):
    """From the last token to the next one's distribution."""

    def __init__(self, model: Seq2Seq, names: list[str]) -> None:
        """`names` are those of the tensors that `forward` takes."""
        super().__init__()
        self.model, self.names = model, names

    def named(self, given: Mapping[str, Tensor]) -> Named:
        """`log_probs` NV, `attn_weights` NS where the model attends, and the `next_` states."""
        settings = self.model.settings
        encoded = Encoded(
            given["src_ids"], given["src_mask"], given["enc_states"], given.get("keys"), ()
        )
        state = DecoderState(
            tuple(
                tuple(given[f"layer{depth}_{part}"] for part in state_parts(settings))
                for depth in range(settings.decoder_layers)
            ),
            given.get("readout"),
            given.get("coverage"),
        )
        log_probs_NV, attn_weights_NS, state = self.model.decode_step(
            given["tokens"], state, encoded
        )
        found = {"log_probs": log_probs_NV}
        if attn_weights_NS is not None:
            found["attn_weights"] = attn_weights_NS
        return found | {f"next_{name}": part for name, part in state_tensors(state).items()}

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The values of `named`."""
        return tuple(self.named(dict(zip(self.names, given, strict=True))).values())


def state_parts(settings: ModelSettings) -> tuple[str, ...]:
    """What a layer of the decoder hands on."""
    return ("keys",) if settings.grows else ("h", "c")[: settings.state_parts]


def source_tensors(encoded: Encoded) -> Named:
    """What a step reads of the encoded source, besides its ids."""
    found = {"src_mask": encoded.src_mask_BS, "enc_states": encoded.enc_states_BSH}
    return found if encoded.keys_BSA is None else found | {"keys": encoded.keys_BSA}


def state_tensors(state: DecoderState) -> Named:
    """The parts of a state by their names."""
    # A part of a growing state has a dimension for the positions.
    names = ("keys",) if state.layers[0][0].dim() == 3 else ("h", "c")
    found = {
        f"layer{depth}_{name}": part
        for depth, layer in enumerate(state.layers)
        for name, part in zip(names, layer, strict=False)
    }
    rest = {"readout": state.readout_BR, "coverage": state.coverage_BS}
    return found | {name: part for name, part in rest.items() if part is not None}


def example(model: Seq2Seq) -> tuple[Named, Named]:
    """What the two graphs are given, for three sentences of several lengths and the third step."""
    src_BS, src_lengths_B = pad_batch([[UNK_ID] * length for length in (4, 2, 3)])
    encoded = model.encode(src_BS, src_lengths_B)
    state = model.initial_state(encoded)
    tokens_B = torch.full((len(src_BS),), BOS_ID)
    for _ in range(2):
        _, _, state = model.decode_step(tokens_B, state, encoded)
    source = {"src_ids": src_BS, "src_lengths": src_lengths_B}
    step = {"tokens": tokens_B, "src_ids": src_BS, **source_tensors(encoded)}
    return source, step | state_tensors(state)


def write_graphs(model: Seq2Seq, folder: Path) -> None:
    """The files `ENCODER` and `STEP`, for any batch and any lengths.

    The model's parts are replaced: it is of no use for anything else. Raises UserError where the
    exporter cannot write the model.
    """
    with torch.no_grad(), warnings.catch_warnings():
        # Of the exporter's age, and of what a trace fixes: the check is what tells.
        warnings.simplefilter("ignore")
        source, given = example(model)
        exportable(model)
        encoder, step = Encoder(model), Step(model, list(given))
        _write(encoder, source, list(encoder.named(*source.values())), folder / ENCODER)
        _write(step, given, list(step.named(given)), folder / STEP)


def _write(module: nn.Module, given: Named, outputs: list[str], path: Path) -> None:
    axes: Any = {name: _axes(name) for name in (*given, *outputs)}
    try:
        torch.onnx.export(
            module.eval(),
            tuple(given.values()),
            path,
            input_names=list(given),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"torch {torch.__version__} cannot write this model as ONNX: {reason}"
        ) from None


def _axes(name: str) -> dict[int, str]:
    """The dimensions that change from call to call."""
    of_sources = ("src_ids", "src_lengths", "src_mask", "enc_states", "keys")
    # Of each source as many rows, one after the other; where the decoder starts, one.
    axes = {0: "batch" if name in of_sources or name.startswith("start_") else "rows"}
    if name in of_sources[2:] or name in ("src_ids", "attn_weights"):
        return axes | {1: "source"}
    if name.endswith("coverage"):
        return axes | {1: "source"}
    if name.endswith("_keys"):
        return axes | {1: "next_target" if name.startswith("next_") else "target"}
    return axes
