"""Parts of a model that torch's ONNX exporter cannot follow, replaced by others that are equal.

The exporter records the operations of one run. What goes a way of its own on a CPU, asks for a
length in Python or loops over positions would be recorded for the lengths of that run alone.

Shapes: B batch, T positions, I input units, H units of one direction, E embedding, G gate units.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.model.cells import LRN, Directions, LayerNormLSTM, State
from attn2seq.model.decoder import DecoderState
from attn2seq.model.recurrent import RecurrentLayer, packed_rnn
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.transformer import TransformerDecoder, TransformerEncoder


def exportable(model: Seq2Seq) -> Seq2Seq:
    """The model itself, whose parts are replaced: it is of no use for anything else."""
    model.requires_grad_(False)
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if not isinstance(layer, RecurrentLayer):
                continue
            if isinstance(layer.rnn, Directions):
                layer.rnn.cells = nn.ModuleList(_cell(cell) for cell in layer.rnn.cells)
            else:
                setattr(parent, name, _TorchLayer(layer.rnn))
    if isinstance(model.encoder, TransformerEncoder):
        setattr(model.encoder, "place", _place)  # noqa: B010 - a method, which mypy protects
    if isinstance(model.decoder, TransformerDecoder) and model.settings.grows:
        setattr(model.decoder, "place", _place_next)  # noqa: B010
    return model


class _TorchLayer(nn.Module):
    """A `RecurrentLayer` of one of torch's own cells, as an operator of ONNX."""

    def __init__(self, rnn: nn.LSTM | nn.GRU | nn.RNN) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(
        self, inputs_BTI: Tensor, state: State | None, lengths_B: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """As `RecurrentLayer.forward`."""
        directions = 2 if self.rnn.bidirectional else 1
        start: Any = None
        if state is not None:
            parts = [torch.stack(part_BH.chunk(directions, dim=-1)) for part_BH in state]
            start = tuple(parts) if len(parts) == 2 else parts[0]
        if lengths_B is None:
            outputs_BTH, last = self.rnn(inputs_BTI, start)
        else:
            outputs_BTH, last = packed_rnn(self.rnn, inputs_BTI, lengths_B, start)
        states = last if isinstance(last, tuple) else (last,)
        return outputs_BTH, tuple(torch.cat(part_DBH.unbind(0), dim=-1) for part_DBH in states)


def _cell(cell: nn.Module) -> nn.Module:
    if isinstance(cell, LRN):
        return _LRNLoop(cell)
    assert isinstance(cell, LayerNormLSTM)
    return _LayerNormLSTMLoop(cell)


class _LRNLoop(nn.Module):
    """`LRN`, whose loop over positions is a loop of ONNX."""

    def __init__(self, cell: LRN) -> None:
        super().__init__()
        self.input = cell.input
        self.loop = torch.jit.script(_lrn)

    def forward(self, inputs_TBI: Tensor, state: State) -> tuple[Tensor, State]:
        """As `LRN.forward`."""
        states_TBH = _like(self.loop(self.input(inputs_TBI), state[0]), inputs_TBI)
        return states_TBH, (states_TBH,)


class _LayerNormLSTMLoop(nn.Module):
    """`LayerNormLSTM`, whose loop over positions is a loop of ONNX."""

    def __init__(self, cell: LayerNormLSTM) -> None:
        super().__init__()
        self.cell = cell
        self.loop = torch.jit.script(_layer_norm_lstm)

    def forward(self, inputs_TBI: Tensor, state: State) -> tuple[Tensor, State]:
        """As `LayerNormLSTM.forward`."""
        cell = self.cell
        hidden, memory = self.loop(
            cell.input_norm(cell.input(inputs_TBI)) + cell.bias,
            *state,
            cell.hidden.weight,
            cell.hidden_norm.weight,
            cell.memory_norm.weight,
            cell.memory_norm.bias,
        )
        outputs_TBH = _like(hidden, inputs_TBI)
        return outputs_TBH, (outputs_TBH, _like(memory, inputs_TBI))


def _like(states: Tensor, inputs_TBI: Tensor) -> Tensor:
    """The states TBH: the exporter does not know how many dimensions a loop's results have."""
    return states.reshape(inputs_TBI.shape[0], inputs_TBI.shape[1], states.shape[-1])


def _lrn(products: Tensor, h: Tensor) -> Tensor:
    states: list[Tensor] = []
    for position in range(products.shape[0]):
        q, k, v = products[position].chunk(3, dim=-1)
        h = torch.tanh(torch.sigmoid(q - h) * h + torch.sigmoid(k + h) * v)
        states.append(h)
    return torch.stack(states)


def _layer_norm_lstm(
    products: Tensor,
    h: Tensor,
    c: Tensor,
    weight: Tensor,
    hidden_gain: Tensor,
    memory_gain: Tensor,
    memory_shift: Tensor,
) -> tuple[Tensor, Tensor]:
    outputs: list[Tensor] = []
    memories: list[Tensor] = []
    for position in range(products.shape[0]):
        gates = products[position] + F.layer_norm(
            F.linear(h, weight), hidden_gain.shape, hidden_gain
        )
        i, f, o, g = gates.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        normed = F.layer_norm(c, memory_gain.shape, memory_gain, memory_shift)
        h = torch.sigmoid(o) * torch.tanh(normed)
        outputs.append(h)
        memories.append(c)
    return torch.stack(outputs), torch.stack(memories)


def _place(embedded_BTE: Tensor, first: Tensor | int = 0) -> Tensor:
    """`transformer.place`, which keeps tables of fixed lengths; here each position is computed."""
    positions, width = embedded_BTE.shape[1:]
    rates = 10000 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    places = torch.arange(positions, dtype=torch.float64)[:, None] + first
    angles = places / rates
    codes_TE = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()
    placed_BTE: Tensor = embedded_BTE * width**0.5 + codes_TE
    return placed_BTE


def _place_next(embedded_BTE: Tensor, state: DecoderState) -> Tensor:
    return _place(embedded_BTE, first=state.layers[0][0].shape[1])
