"""The encoder by hand: both directions over sentences of their own length."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.model.encoder import Encoder
from attn2seq.model.settings import ModelSettings

MakeSettings = Callable[..., ModelSettings]
LENGTHS = torch.tensor([2, 4, 1])


@pytest.fixture
def embedded() -> Tensor:
    torch.manual_seed(6)
    return torch.randn(3, 4, 12)


def tanh_network(encoder: Encoder, inputs_TE: Tensor, suffix: str) -> Tensor:
    """Elman's network over one sentence: h_t = tanh(W x_t + U h_(t-1) + both biases)."""
    weight = dict(encoder.layers[0].named_parameters())
    hidden, outputs = torch.zeros(8), []
    for input_E in inputs_TE:
        hidden = torch.tanh(
            weight[f"rnn.weight_ih_l0{suffix}"] @ input_E + weight[f"rnn.bias_ih_l0{suffix}"]
            + weight[f"rnn.weight_hh_l0{suffix}"] @ hidden + weight[f"rnn.bias_hh_l0{suffix}"]
        )  # fmt: skip
        outputs.append(hidden)
    return torch.stack(outputs)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_one_layer_by_hand(
    model_settings: MakeSettings, embedded: Tensor, bidirectional: bool
) -> None:
    encoder = Encoder(model_settings(cell="rnn", bidirectional=bidirectional)).eval()
    states, ((final,),) = encoder(embedded, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        there = tanh_network(encoder, embedded[row, :length], "")
        expected, last = there, there[-1]
        if bidirectional:
            back = tanh_network(encoder, embedded[row, :length].flip(0), "_reverse").flip(0)
            expected, last = torch.cat([there, back], -1), torch.cat([last, back[0]])
        torch.testing.assert_close(states[row, :length], expected)
        torch.testing.assert_close(final[row], last)
        assert not states[row, length:].any()


@pytest.mark.parametrize(("cell", "parts"), [("lstm", 2), ("gru", 1), ("rnn", 1)])
def test_each_layer_gives_its_final_state(
    model_settings: MakeSettings, embedded: Tensor, cell: str, parts: int
) -> None:
    encoder = Encoder(model_settings(cell=cell, encoder_layers=3)).eval()
    states, finals = encoder(embedded, LENGTHS)
    assert states.shape == (3, 4, 16)
    assert [[part.shape for part in final] for final in finals] == [[(3, 16)] * parts] * 3
    # The forward half of the last layer's h is its state at each sentence's own end.
    ends = states[torch.arange(3), LENGTHS - 1, :8]
    torch.testing.assert_close(finals[-1][0][:, :8], ends)


def test_padding_is_not_read(model_settings: MakeSettings, embedded: Tensor) -> None:
    encoder = Encoder(model_settings(encoder_layers=2, residual=True)).eval()
    spoilt = embedded.clone()
    spoilt[0, 2:], spoilt[2, 1:] = torch.nan, 1e6
    plain, other = encoder(embedded, LENGTHS), encoder(spoilt, LENGTHS)
    assert torch.equal(plain[0], other[0])
    assert torch.equal(plain[1][-1][0], other[1][-1][0])


@pytest.mark.parametrize(("layers", "acts"), [(1, False), (2, True)])
def test_dropout_acts_between_layers_alone(
    model_settings: MakeSettings, embedded: Tensor, layers: int, acts: bool
) -> None:
    encoder = Encoder(model_settings(encoder_layers=layers, dropout=0.5))
    plain = encoder.eval()(embedded, LENGTHS)[0]
    assert torch.equal(encoder.train()(embedded, LENGTHS)[0], plain) is not acts
