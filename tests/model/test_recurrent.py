"""Each cell against its equations, written out with loops in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.model.recurrent import RecurrentLayer, State

SIZE, WIDTH = 3, 5
CELLS = ["lstm", "gru", "rnn", "rnn_relu", "layer_norm_lstm", "lrn"]
Step = Callable[[dict[str, Tensor], Tensor, State], tuple[Tensor, State]]


def layer_of(cell: str, bidirectional: bool = False) -> RecurrentLayer:
    """With weights that all differ from the values that some of them start with."""
    torch.manual_seed(1)
    layer = RecurrentLayer(cell, WIDTH, SIZE, bidirectional).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


def gates_of(w: dict[str, Tensor], x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    return (
        w["weight_ih_l0"] @ x + w["bias_ih_l0"],
        w["weight_hh_l0"] @ h + w["bias_hh_l0"],
    )


def lstm(w: dict[str, Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    h, c = state
    ours, theirs = gates_of(w, x, h)
    i, f, g, o = (ours + theirs).split(SIZE)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, (h, c)


def gru(w: dict[str, Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    ours, theirs = gates_of(w, x, state[0])
    reset = torch.sigmoid(ours[:SIZE] + theirs[:SIZE])
    update = torch.sigmoid(ours[SIZE : 2 * SIZE] + theirs[SIZE : 2 * SIZE])
    new = torch.tanh(ours[2 * SIZE :] + reset * theirs[2 * SIZE :])
    h = (1 - update) * new + update * state[0]
    return h, (h,)


def rnn(w: dict[str, Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    h = torch.tanh(sum(gates_of(w, x, state[0])))
    return h, (h,)


def rnn_relu(w: dict[str, Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    h = sum(gates_of(w, x, state[0])).clamp(min=0)
    return h, (h,)


def normalised(values: Tensor, gain: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the units; 1e-5 keeps the root from zero."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return gain * (values - mean) / (variance + 1e-5) ** 0.5


def layer_norm_lstm(w: dict[str, Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    h, c = state
    ours = normalised(w["input.weight"] @ x, w["input_norm.weight"])
    theirs = normalised(w["hidden.weight"] @ h, w["hidden_norm.weight"])
    i, f, o, g = (ours + theirs + w["bias"]).split(SIZE)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(
        normalised(c, w["memory_norm.weight"]) + w["memory_norm.bias"]
    )
    return h, (h, c)


def lrn(w: dict[str, Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    q, k, v = (w["input.weight"] @ x + w["input.bias"]).split(SIZE)
    h = torch.tanh(torch.sigmoid(k + state[0]) * v + torch.sigmoid(q - state[0]) * state[0])
    return h, (h,)


STEPS: dict[str, Step] = {
    "lstm": lstm,
    "gru": gru,
    "rnn": rnn,
    "rnn_relu": rnn_relu,
    "layer_norm_lstm": layer_norm_lstm,
    "lrn": lrn,
}


def weights_of(layer: RecurrentLayer, backward: bool) -> dict[str, Tensor]:
    """One direction's weights by their names in the forward one."""
    own = [f"cells.{number}." for number in (0, 1)]
    mine = {}
    for name, parameter in layer.rnn.named_parameters():
        if name.startswith(own[backward]):
            mine[name.removeprefix(own[backward])] = parameter
        elif not name.startswith(own[0]) and name.endswith("_reverse") == backward:
            mine[name.removesuffix("_reverse")] = parameter
    return mine


def reference(
    cell: str,
    layer: RecurrentLayer,
    inputs_TI: Tensor,
    start: State | None = None,
    backward: bool = False,
) -> tuple[Tensor, State]:
    """One sentence through one direction: the outputs at its positions, and the last state."""
    weights = weights_of(layer, backward)
    zeros = torch.zeros(SIZE).double()
    state = start or ((zeros, zeros) if "lstm" in cell else (zeros,))
    outputs = []
    for x in inputs_TI.flip(0) if backward else inputs_TI:
        output, state = STEPS[cell](weights, x, state)
        outputs.append(output)
    return torch.stack(outputs[::-1] if backward else outputs), state


def a_state(layer: RecurrentLayer, batch_size: int, dtype: torch.dtype) -> State:
    _, last = layer(torch.zeros(batch_size, 1, WIDTH, dtype=dtype), None)
    return tuple(torch.randn_like(part) for part in last)


@pytest.mark.parametrize("given", [False, True], ids=["from zeros", "from a state"])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_equations(cell: str, given: bool) -> None:
    layer, inputs = layer_of(cell), torch.randn(2, 4, WIDTH).double()
    start = a_state(layer, 2, torch.float64) if given else None
    outputs, last = layer(inputs, start)
    for row in range(2):
        begin = tuple(part[row] for part in start) if start else None
        expected, state = reference(cell, layer, inputs[row], begin)
        torch.testing.assert_close(outputs[row], expected)
        torch.testing.assert_close(tuple(part[row] for part in last), state)


@pytest.mark.parametrize("cell", CELLS)
def test_backward_direction_reads_each_sentence_from_its_own_end(cell: str) -> None:
    layer, inputs = layer_of(cell, bidirectional=True), torch.randn(3, 4, WIDTH).double()
    lengths = [4, 2, 1]
    outputs, last = layer(inputs, None, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        sentence = inputs[row, :length]
        there, there_last = reference(cell, layer, sentence)
        back, back_last = reference(cell, layer, sentence, backward=True)
        torch.testing.assert_close(outputs[row, :length], torch.cat([there, back], -1))
        for part, ours, theirs in zip(last, there_last, back_last, strict=True):
            torch.testing.assert_close(part[row], torch.cat([ours, theirs]))
        assert not outputs[row, length:].any()


@pytest.mark.parametrize("cell", CELLS)
def test_without_lengths_every_position_is_read(cell: str) -> None:
    layer, inputs = layer_of(cell, bidirectional=True), torch.randn(2, 4, WIDTH).double()
    plain, last = layer(inputs, None)
    full, full_last = layer(inputs, None, torch.tensor([4, 4]))
    torch.testing.assert_close(plain, full)
    torch.testing.assert_close(last, full_last)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_is_neither_read_nor_learnt_from(cell: str) -> None:
    """Whatever stands there, and however much of it."""
    layer, lengths = layer_of(cell, bidirectional=True), torch.tensor([3, 5, 1])
    inputs = torch.randn(3, 5, WIDTH).double()
    past = torch.arange(8) >= lengths[:, None]
    found = []
    for value, positions in ((0.0, 5), (torch.nan, 5), (1e6, 8)):
        padded = torch.cat([inputs, torch.zeros(3, 3, WIDTH).double()], 1)
        padded = padded.masked_fill(past[:, :, None], value)[:, :positions].requires_grad_()
        layer.zero_grad()
        outputs, last = layer(padded, None, lengths)
        (outputs.sum() + sum(part.sum() for part in last)).backward()
        assert padded.grad is not None
        assert not padded.grad[past[:, :positions]].any()
        assert not outputs[:, 5:].any()
        learnt = [parameter.grad.clone() for parameter in layer.parameters()]  # type: ignore[union-attr]
        found.append([outputs[:, :5], *last, *learnt])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cell", CELLS)
def test_step_by_step_is_the_whole(cell: str, dtype: torch.dtype) -> None:
    layer = layer_of(cell).to(dtype)
    inputs, start = torch.randn(2, 6, WIDTH).to(dtype), a_state(layer, 2, dtype)
    whole, last = layer(inputs, start)
    state, outputs = start, []
    for t in range(6):
        output, state = layer(inputs[:, t : t + 1], state)
        outputs.append(output)
    close = {"atol": 0.03, "rtol": 0.03} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(torch.cat(outputs, 1), whole, **close)
    torch.testing.assert_close(state, last, **close)
    assert whole.dtype == last[0].dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 8, 9])
def test_a_search_steps_in_few_rows_past_the_layer(rows: int, dtype: torch.dtype) -> None:
    """It would pack its weights at each call; what it gives is the same."""
    layer = layer_of("lstm").to(dtype)
    inputs_BTI = torch.randn(rows, 4, WIDTH, dtype=dtype)
    state: State = (torch.randn(rows, SIZE, dtype=dtype), torch.randn(rows, SIZE, dtype=dtype))
    calls: list[object] = []
    layer.rnn.register_forward_hook(lambda *call: calls.append(call))
    with torch.inference_mode():
        whole_BTH, last = layer(inputs_BTI, state)
        steps = []
        for input_BI in inputs_BTI.unbind(1):
            step_B1H, state = layer(input_BI.unsqueeze(1), state)
            steps.append(step_B1H)
    assert len(calls) == (1 if rows <= 8 else 5)
    tolerance = {"rtol": 0.02, "atol": 0.02} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(torch.cat(steps, 1), whole_BTH, **tolerance)
    for found, expected in zip(state, last, strict=True):
        torch.testing.assert_close(found, expected, **tolerance)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients(cell: str) -> None:
    """Of the inputs, the start, and every weight, with padding and in both directions."""
    layer = layer_of(cell, bidirectional=True)
    names = [name for name, _ in layer.named_parameters()]

    def run(inputs: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        start, weights = others[:parts], others[parts:]
        outputs, last = torch.func.functional_call(
            layer, dict(zip(names, weights, strict=True)), (inputs, start, torch.tensor([3, 1]))
        )
        return (outputs, *last)

    start = a_state(layer, 2, torch.float64)
    parts = len(start)
    given = [torch.randn(2, 3, WIDTH).double(), *start, *layer.parameters()]
    leaves = tuple(value.detach().clone().requires_grad_() for value in given)
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize("suffix", ["", "_reverse"])
def test_forget_gates_of_an_lstm_start_open(suffix: str) -> None:
    torch.manual_seed(1)
    weights = dict(RecurrentLayer("lstm", WIDTH, SIZE, bidirectional=True).rnn.named_parameters())
    total = weights[f"bias_ih_l0{suffix}"] + weights[f"bias_hh_l0{suffix}"]
    assert total[SIZE : 2 * SIZE].tolist() == [1.0] * SIZE
    assert total[:SIZE].abs().max() > 0


def test_forget_gates_of_a_normalised_lstm_start_open() -> None:
    layer = RecurrentLayer("layer_norm_lstm", WIDTH, SIZE, bidirectional=True)
    for backward in (False, True):
        gate_i, gate_f, gate_o, cell_input = weights_of(layer, backward)["bias"].split(SIZE)
        assert gate_f.tolist() == [1.0] * SIZE
        assert not torch.cat([gate_i, gate_o, cell_input]).any()
