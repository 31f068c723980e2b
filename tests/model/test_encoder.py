"""The encoder by hand: both directions over sentences of their own length."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import pad_batch
from attn2seq.model.encoder import RecurrentEncoder
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import PAD_ID

MakeSettings = Callable[..., ModelSettings]
LENGTHS = torch.tensor([2, 4, 1])


@pytest.fixture
def embedded() -> Tensor:
    torch.manual_seed(6)
    return torch.randn(3, 4, 12)


def tanh_network(encoder: RecurrentEncoder, inputs_TE: Tensor, suffix: str) -> Tensor:
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


@pytest.mark.parametrize("bidirectional", ["none", "first", "all"])
def test_one_layer_by_hand(
    model_settings: MakeSettings, embedded: Tensor, bidirectional: str
) -> None:
    encoder = RecurrentEncoder(model_settings(cell="rnn", bidirectional=bidirectional)).eval()
    states, ((final,),) = encoder(embedded, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        there = tanh_network(encoder, embedded[row, :length], "")
        expected, last = there, there[-1]
        if bidirectional != "none":
            back = tanh_network(encoder, embedded[row, :length].flip(0), "_reverse").flip(0)
            expected, last = torch.cat([there, back], -1), torch.cat([last, back[0]])
        torch.testing.assert_close(states[row, :length], expected)
        torch.testing.assert_close(final[row], last)
        assert not states[row, length:].any()


@pytest.mark.parametrize(("cell", "parts"), [("lstm", 2), ("gru", 1), ("layer_norm_lstm", 2)])
def test_each_layer_gives_its_final_state(
    model_settings: MakeSettings, embedded: Tensor, cell: str, parts: int
) -> None:
    encoder = RecurrentEncoder(model_settings(cell=cell, encoder_layers=3)).eval()
    states, finals = encoder(embedded, LENGTHS)
    assert states.shape == (3, 4, 16)
    assert [[part.shape for part in final] for final in finals] == [[(3, 16)] * parts] * 3
    # The forward half of the last layer's h is its state at each sentence's own end.
    ends = states[torch.arange(3), LENGTHS - 1, :8]
    torch.testing.assert_close(finals[-1][0][:, :8], ends)


def through_layers(encoder: RecurrentEncoder, embedded: Tensor) -> list[Tensor]:
    """What each layer gives if it reads the output of the one below as it is."""
    outputs, hidden = [], embedded
    for layer in encoder.layers:
        hidden, _ = layer(hidden, None, LENGTHS)
        outputs.append(hidden)
    return outputs


@pytest.mark.parametrize(
    ("bidirectional", "sizes"), [("none", [8, 8, 8]), ("first", [16, 8, 8]), ("all", [16, 16, 16])]
)
def test_which_layers_read_both_ways(
    model_settings: MakeSettings, embedded: Tensor, bidirectional: str, sizes: list[int]
) -> None:
    """The state of the first position hears of the last one through a backward direction alone."""
    settings = model_settings(bidirectional=bidirectional, encoder_layers=3)
    encoder = RecurrentEncoder(settings).eval()
    states, finals = encoder(embedded, LENGTHS)
    assert settings.enc_sizes == sizes
    assert [[part.shape[1] for part in final] for final in finals] == [[size] * 2 for size in sizes]
    outputs = through_layers(encoder, embedded)
    assert [output.shape[2] for output in outputs] == sizes
    assert torch.equal(states, outputs[-1])
    later = embedded.clone()
    later[1, 3] += 1.0
    heard = [
        not torch.equal(changed[1, 0], plain[1, 0])
        for changed, plain in zip(through_layers(encoder, later), outputs, strict=True)
    ]
    assert heard == [bidirectional != "none"] * 3


@pytest.mark.parametrize(
    ("bidirectional", "added"), [("none", [1, 2]), ("first", [2]), ("all", [1, 2])]
)
def test_residual_adds_the_input_where_sizes_agree(
    model_settings: MakeSettings, embedded: Tensor, bidirectional: str, added: list[int]
) -> None:
    """From the second layer on: the first one's input is an embedding."""
    encoder = RecurrentEncoder(
        model_settings(
            cell="gru", encoder_layers=3, residual=True, bidirectional=bidirectional,
            embedding_size=8 if bidirectional == "none" else 16,
        )
    ).eval()  # fmt: skip
    embedded = torch.randn(3, 4, 8 if bidirectional == "none" else 16)
    hidden, lasts = embedded, []
    for depth, layer in enumerate(encoder.layers):
        outputs, last = layer(hidden, None, LENGTHS)
        hidden = hidden + outputs if depth in added else outputs
        lasts.append(last)
    states, finals = encoder(embedded, LENGTHS)
    torch.testing.assert_close(states, hidden)
    torch.testing.assert_close(finals, tuple(lasts))


def test_residual_adds_the_input_as_it_is_before_dropout(
    model_settings: MakeSettings, embedded: Tensor
) -> None:
    """Seen where the second layer gives nothing of its own."""
    settings = model_settings(
        encoder_layers=2, residual=True, bidirectional="none", layer_dropout=0.5
    )
    encoder = RecurrentEncoder(settings).train()
    with torch.no_grad():
        for parameter in encoder.layers[1].parameters():
            parameter.zero_()
    first, _ = encoder.layers[0](embedded, None, LENGTHS)
    assert torch.equal(encoder(embedded, LENGTHS)[0], first)


def test_padding_is_not_read(model_settings: MakeSettings, embedded: Tensor) -> None:
    encoder = RecurrentEncoder(model_settings(encoder_layers=2, residual=True)).eval()
    spoilt = embedded.clone()
    spoilt[0, 2:], spoilt[2, 1:] = torch.nan, 1e6
    plain, other = encoder(embedded, LENGTHS), encoder(spoilt, LENGTHS)
    assert torch.equal(plain[0], other[0])
    assert torch.equal(plain[1][-1][0], other[1][-1][0])


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize(("layers", "acts"), [(1, False), (2, True)])
def test_dropout_acts_between_layers_alone(
    model_settings: MakeSettings, embedded: Tensor, layers: int, acts: bool, variational: bool
) -> None:
    encoder = RecurrentEncoder(
        model_settings(encoder_layers=layers, layer_dropout=0.5, variational_dropout=variational)
    )
    plain = encoder.eval()(embedded, LENGTHS)[0]
    assert torch.equal(encoder.train()(embedded, LENGTHS)[0], plain) is not acts


@pytest.mark.parametrize("variational", [False, True])
def test_variational_dropout_leaves_a_sentence_the_same_units(
    model_settings: MakeSettings, embedded: Tensor, variational: bool
) -> None:
    """A second layer that hands on what it reads shows what it was given."""
    encoder = RecurrentEncoder(
        model_settings(
            cell="rnn", encoder_layers=2, bidirectional="none", layer_dropout=0.5,
            variational_dropout=variational,
        )
    ).train()  # fmt: skip
    with torch.no_grad():
        for name, parameter in encoder.layers[1].named_parameters():
            parameter.copy_(torch.eye(8) if name == "rnn.weight_ih_l0" else 0)
    states, _ = encoder(embedded, LENGTHS)
    lost = states[1] == 0
    assert lost.any()
    assert bool((lost == lost[0]).all()) is variational


def test_further_positions_are_padding(small_model: Callable[..., Seq2Seq]) -> None:
    model = small_model()
    encoded = model.encode(*pad_batch([[5, 6, 7], [8]]))
    wider = encoded.widened(2)
    assert wider.src_mask_BS.tolist() == [[True] * 4 + [False] * 2, [True] * 2 + [False] * 4]
    assert (wider.src_BS[:, 4:] == PAD_ID).all()
    tokens = torch.tensor([3, 4])
    expected = model.decode_step(tokens, model.initial_state(encoded), encoded)
    found = model.decode_step(tokens, model.initial_state(wider), wider)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1][:, :4], expected[1])
    assert (found[1][:, 4:] == 0).all()
