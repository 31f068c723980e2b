"""Each cell against its equations, written out with loops in float64."""

import pytest
import torch
from torch import Tensor

from attn2seq.model.recurrent import RecurrentLayer

SIZE, WIDTH = 3, 5


def layer_of(cell: str, bidirectional: bool = False) -> RecurrentLayer:
    torch.manual_seed(1)
    return RecurrentLayer(cell, WIDTH, SIZE, bidirectional).double()


def reference(cell: str, layer: RecurrentLayer, inputs_TI: Tensor, suffix: str = "") -> Tensor:
    """One sentence through one direction; the rows are h_1 .. h_T."""
    weights = dict(layer.rnn.named_parameters())
    w, u = weights[f"weight_ih_l0{suffix}"], weights[f"weight_hh_l0{suffix}"]
    b, d = weights[f"bias_ih_l0{suffix}"], weights[f"bias_hh_l0{suffix}"]
    h, c = torch.zeros(SIZE).double(), torch.zeros(SIZE).double()
    states = []
    for x in inputs_TI:
        ours, theirs = w @ x + b, u @ h + d
        if cell == "rnn":
            h = torch.tanh(ours + theirs)
        elif cell == "gru":
            reset = torch.sigmoid(ours[:SIZE] + theirs[:SIZE])
            update = torch.sigmoid(ours[SIZE : 2 * SIZE] + theirs[SIZE : 2 * SIZE])
            new = torch.tanh(ours[2 * SIZE :] + reset * theirs[2 * SIZE :])
            h = (1 - update) * new + update * h
        else:
            gate_i, gate_f, cell_input, gate_o = (ours + theirs).split(SIZE)
            c = torch.sigmoid(gate_f) * c + torch.sigmoid(gate_i) * torch.tanh(cell_input)
            h = torch.sigmoid(gate_o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_equals_the_equations(cell: str) -> None:
    layer, inputs = layer_of(cell), torch.randn(2, 4, WIDTH).double()
    outputs, last = layer(inputs, None)
    for row in range(2):
        torch.testing.assert_close(outputs[row], reference(cell, layer, inputs[row]))
    torch.testing.assert_close(last[0], outputs[:, -1])
    assert len(last) == (2 if cell == "lstm" else 1)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_backward_direction_reads_each_sentence_from_its_own_end(cell: str) -> None:
    layer, inputs = layer_of(cell, bidirectional=True), torch.randn(2, 4, WIDTH).double()
    outputs, last = layer(inputs, None, torch.tensor([4, 2]))
    short = inputs[1, :2]
    backward = reference(cell, layer, short.flip(0), "_reverse").flip(0)
    torch.testing.assert_close(outputs[1, :2, :SIZE], reference(cell, layer, short))
    torch.testing.assert_close(outputs[1, :2, SIZE:], backward)
    assert not outputs[1, 2:].any()
    torch.testing.assert_close(last[0][1], torch.cat([outputs[1, 1, :SIZE], backward[0]]))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_sequence_in_two_parts_is_the_whole(cell: str) -> None:
    layer, inputs = layer_of(cell), torch.randn(2, 5, WIDTH).double()
    whole, _ = layer(inputs, None)
    first, state = layer(inputs[:, :2], None)
    second, _ = layer(inputs[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


def test_forget_gates_start_open() -> None:
    layer = layer_of("lstm", bidirectional=True)
    weights = dict(layer.rnn.named_parameters())
    for suffix in ("", "_reverse"):
        total = weights[f"bias_ih_l0{suffix}"] + weights[f"bias_hh_l0{suffix}"]
        assert total[SIZE : 2 * SIZE].tolist() == [1.0] * SIZE
        assert total[:SIZE].abs().max() > 0
