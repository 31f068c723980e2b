"""The decoder by hand: where it starts, what it reads out, how its records are reordered."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.model.decoder import Bridge, Decoder, DecoderState, Encoded
from attn2seq.model.recurrent import State
from attn2seq.model.settings import ModelSettings

MakeSettings = Callable[..., ModelSettings]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def final_states(settings: ModelSettings, batch: int = 3) -> tuple[State, ...]:
    parts = 2 if settings.cell == "lstm" else 1
    return tuple(
        tuple(torch.randn(batch, settings.enc_size) for _ in range(parts))
        for _ in range(settings.encoder_layers)
    )


def encoded(settings: ModelSettings, decoder: Decoder) -> Encoded:
    """Three sentences of 4, 2 and 1 tokens."""
    states_BSH = torch.randn(3, 4, settings.enc_size)
    keys_BSA = decoder.attention.keys(states_BSH) if decoder.attention is not None else None
    mask_BS = torch.arange(4) < torch.tensor([[4], [2], [1]])
    return Encoded(states_BSH, keys_BSA, mask_BS, final_states(settings))


def linear(module: torch.nn.Module, value: Tensor) -> Tensor:
    return value @ module.get_parameter("weight").T + module.get_parameter("bias")


def test_bridge_takes_h_through_tanh_and_c_linearly(model_settings: MakeSettings) -> None:
    settings = model_settings(encoder_layers=2, decoder_layers=2)
    bridge, finals = Bridge(settings), final_states(settings)
    starts = bridge(finals)
    assert len(starts) == 2
    for depth, ((h, c), (start_h, start_c)) in enumerate(zip(finals, starts, strict=True)):
        torch.testing.assert_close(start_h, torch.tanh(linear(bridge.hidden[depth], h)))
        torch.testing.assert_close(start_c, linear(bridge.memory[depth], c))


@pytest.mark.parametrize(
    ("encoder_layers", "decoder_layers", "taken"),
    [(2, 4, [0, 1, 1, 1]), (1, 2, [0, 0]), (3, 2, [0, 1])],
)
def test_a_deeper_decoder_takes_the_last_encoder_layer(
    model_settings: MakeSettings, encoder_layers: int, decoder_layers: int, taken: list[int]
) -> None:
    settings = model_settings(
        cell="gru", encoder_layers=encoder_layers, decoder_layers=decoder_layers
    )
    bridge, finals = Bridge(settings), final_states(settings)
    starts = bridge(finals)
    assert len(bridge.memory) == 0
    assert [len(start) for start in starts] == [1] * decoder_layers
    for depth, layer in enumerate(taken):
        expected = torch.tanh(linear(bridge.hidden[depth], finals[layer][0]))
        torch.testing.assert_close(starts[depth][0], expected)


@pytest.mark.parametrize("attention", ["none", "general"])
def test_readout_by_hand(model_settings: MakeSettings, attention: str) -> None:
    """One step of a plain network: a tanh layer, a weighted mean of the source, a tanh layer."""
    settings = model_settings(cell="rnn", attention=attention)
    decoder = Decoder(settings).eval()
    source = encoded(settings, decoder)
    embedded_BTE = torch.randn(3, 1, settings.embedding_size)
    start = decoder.initial_state(source)
    readout, weights, after = decoder(embedded_BTE, start, source)
    weight = dict(decoder.layers[0].named_parameters())
    hidden = torch.tanh(
        embedded_BTE[:, 0] @ weight["rnn.weight_ih_l0"].T + weight["rnn.bias_ih_l0"]
        + start.layers[0][0] @ weight["rnn.weight_hh_l0"].T + weight["rnn.bias_hh_l0"]
    )  # fmt: skip
    torch.testing.assert_close(after.layers[0][0], hidden)
    if source.keys_BSA is None:
        assert weights is None
    else:
        scores = torch.einsum("bd,bsd->bs", hidden, source.keys_BSA)
        expected = torch.softmax(scores.masked_fill(~source.src_mask_BS, -torch.inf), -1)
        torch.testing.assert_close(weights[:, 0], expected)
        context = torch.einsum("bs,bsh->bh", expected, source.enc_states_BSH)
        hidden = torch.cat([hidden, context], -1)
    torch.testing.assert_close(readout[:, 0], torch.tanh(linear(decoder.readout, hidden)))


def test_input_feeding_starts_from_zeros_and_hands_on_the_readout(
    model_settings: MakeSettings,
) -> None:
    """The one handed on is without dropout."""
    settings = model_settings(input_feeding=True, dropout=0.5)
    decoder = Decoder(settings).train()
    source = encoded(settings, decoder)
    start = decoder.initial_state(source)
    assert start.readout_BR is not None
    assert start.readout_BR.tolist() == [[0.0] * settings.readout_size] * 3
    readout, _, after = decoder(torch.randn(3, 2, settings.embedding_size), start, source)
    dropped = readout[:, -1] == 0
    assert after.readout_BR is not None
    assert dropped.any()
    assert (after.readout_BR != 0).all()
    torch.testing.assert_close(readout[:, -1][~dropped], 2 * after.readout_BR[~dropped])


def test_encoded_select_gathers_every_part(model_settings: MakeSettings) -> None:
    settings = model_settings(encoder_layers=2)
    source = encoded(settings, Decoder(settings))
    chosen = source.select(torch.tensor([2, 0, 0, 1]))
    assert chosen.src_mask_BS.sum(1).tolist() == [1, 4, 4, 2]
    assert chosen.keys_BSA is not None
    assert source.keys_BSA is not None
    for row, index in enumerate([2, 0, 0, 1]):
        assert torch.equal(chosen.enc_states_BSH[row], source.enc_states_BSH[index])
        assert torch.equal(chosen.keys_BSA[row], source.keys_BSA[index])
        for layer, expected in zip(chosen.final_states, source.final_states, strict=True):
            for part, whole in zip(layer, expected, strict=True):
                assert torch.equal(part[row], whole[index])


def test_select_keeps_absent_what_is_absent(model_settings: MakeSettings) -> None:
    settings = model_settings(attention="none")
    decoder = Decoder(settings)
    source, index = encoded(settings, decoder), torch.tensor([1, 1])
    assert source.select(index).keys_BSA is None
    state: DecoderState = decoder.initial_state(source).select(index)
    assert state.readout_BR is None
    assert [part.shape[0] for layer in state.layers for part in layer] == [2, 2]
