"""Recurrent layers over whole sequences.

Shapes: B batch, T positions, I input units, H units of one direction.
A state is a tuple of BH tensors: (h, c) for LSTMs, (h,) for all others.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attn2seq.model.cells import OWN_CELLS, Directions, State
from attn2seq.model.fast.deferred import Deferring, SharedWeight
from attn2seq.model.fast.padded_lstm import padded_lstm

# Of a search for one sentence, with any usual beam.
_FEW_ROWS = 8

_TORCH_CELLS: dict[str, Callable[..., nn.LSTM | nn.GRU | nn.RNN]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
}


class RecurrentLayer(Deferring):
    """One recurrent layer, forward or in both directions.

    LSTM: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; GRU: Cho et al.
    2014, arXiv 1406.1078; plain RNN: Elman 1990, with tanh or ReLU. The others: cells.py.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int, bidirectional: bool) -> None:
        super().__init__()
        self.rnn: Directions | nn.LSTM | nn.GRU | nn.RNN
        if cell in OWN_CELLS:
            self.rnn = Directions(cell, input_size, hidden_size, bidirectional)
        else:
            self.rnn = _TORCH_CELLS[cell](
                input_size, hidden_size, batch_first=True, bidirectional=bidirectional
            )
        if cell == "lstm":
            self._open_forget_gates(hidden_size)

    def forward(
        self, inputs_BTI: Tensor, state: State | None, lengths_B: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """All outputs and the last state; both directions are concatenated in each.

        With `lengths_B` (on the CPU) positions past a sentence's end are not read and come out as
        zeros, and the last state is that of each sentence's own last token.
        """
        if self.shared is not None and state is not None:
            return _lstm_step(inputs_BTI, state, self.shared)
        if state is not None and self._is_small_step(inputs_BTI):
            h_BH, c_BH = torch.lstm_cell(inputs_BTI.squeeze(1), state, *self.rnn.parameters())
            return h_BH.unsqueeze(1), (h_BH, c_BH)
        if isinstance(self.rnn, Directions):
            result: tuple[Tensor, State] = self.rnn(inputs_BTI, state, lengths_B)
            return result
        start = _to_torch(state, 2 if self.rnn.bidirectional else 1)
        if lengths_B is None or bool((lengths_B == inputs_BTI.shape[1]).all()):
            outputs_BTH, last = self.rnn(inputs_BTI, start)
        elif isinstance(self.rnn, nn.LSTM) and start is None and inputs_BTI.device.type == "cpu":
            outputs_BTH, last = padded_lstm(self.rnn, inputs_BTI, lengths_B)
        else:
            outputs_BTH, last = packed_rnn(self.rnn, inputs_BTI, lengths_B, start)
        return outputs_BTH, _from_torch(last)

    def _is_small_step(self, inputs_BTI: Tensor) -> bool:
        # oneDNN's layer packs all weights at each call: of few rows, that takes most of the time.
        return (
            isinstance(self.rnn, nn.LSTM)
            and inputs_BTI.shape[1] == 1
            and len(inputs_BTI) <= _FEW_ROWS
            and inputs_BTI.device.type == "cpu"
            and not torch.is_grad_enabled()
        )

    def share(self) -> SharedWeight | None:
        """Of an LSTM, which is the cell that most loops run over; others go on as they are."""
        if not isinstance(self.rnn, nn.LSTM) or self.rnn.bidirectional:
            return None
        weights = dict(self.rnn.named_parameters())
        return SharedWeight(
            torch.cat([weights["weight_ih_l0"], weights["weight_hh_l0"]], dim=1),
            weights["bias_ih_l0"] + weights["bias_hh_l0"],
        )

    def _open_forget_gates(self, hidden_size: int) -> None:
        # A forget gate that starts open lets gradients reach far back (Jozefowicz et al. 2015).
        # The gates stand in the order input, forget, cell, output, and two biases are summed.
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("bias_"):
                value = 1.0 if name.startswith("bias_ih") else 0.0
                nn.init.constant_(parameter[hidden_size : 2 * hidden_size], value)


def packed_rnn(
    rnn: nn.LSTM | nn.GRU | nn.RNN, inputs_BTI: Tensor, lengths_B: Tensor, start: Any = None
) -> tuple[Tensor, Any]:
    """What torch's layer gives for packed sequences, padded again; states are as torch has them."""
    packed = pack_padded_sequence(inputs_BTI, lengths_B, batch_first=True, enforce_sorted=False)
    outputs, last = rnn(packed, start)
    outputs_BTH, _ = pad_packed_sequence(
        outputs, batch_first=True, total_length=inputs_BTI.shape[1]
    )
    return outputs_BTH, last


def _lstm_step(inputs_B1I: Tensor, state: State, weight: SharedWeight) -> tuple[Tensor, State]:
    """One step of an LSTM: its equations, with one product for all gates."""
    h_BH, c_BH = state
    gates = weight(torch.cat([inputs_B1I.squeeze(1), h_BH], dim=-1))
    take, keep, new, show = gates.chunk(4, dim=-1)
    c_BH = torch.sigmoid(keep) * c_BH + torch.sigmoid(take) * torch.tanh(new)
    h_BH = torch.sigmoid(show) * torch.tanh(c_BH)
    return h_BH.unsqueeze(1), (h_BH, c_BH)


def _to_torch(state: State | None, directions: int) -> Tensor | tuple[Tensor, Tensor] | None:
    """The state as torch's modules take it: the directions in a leading dimension."""
    if state is None:
        return None
    parts = [torch.stack(part_BH.chunk(directions, dim=-1)) for part_BH in state]
    return (parts[0], parts[1]) if len(parts) == 2 else parts[0]


def _from_torch(last: Tensor | tuple[Tensor, Tensor]) -> State:
    parts = last if isinstance(last, tuple) else (last,)
    return tuple(torch.cat(part_DBH.unbind(0), dim=-1) for part_DBH in parts)
