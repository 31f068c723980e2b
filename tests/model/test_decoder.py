"""The decoder by hand: what it asks with, what it reads out, how its records are reordered."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from sources import encoded
from torch import Tensor

from attn2seq.model.decoder import Decoded, DecoderState, RecurrentDecoder
from attn2seq.model.encoder import Encoded
from attn2seq.model.settings import ModelSettings

MakeSettings = Callable[..., ModelSettings]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def linear(module: torch.nn.Module | None, value: Tensor) -> Tensor:
    assert module is not None
    return value @ module.get_parameter("weight").T + module.get_parameter("bias")


def plain_layer(decoder: RecurrentDecoder, depth: int, inputs_BI: Tensor, h_BD: Tensor) -> Tensor:
    """One step of a tanh layer."""
    weight = dict(decoder.layers[depth].named_parameters())
    return torch.tanh(
        inputs_BI @ weight["rnn.weight_ih_l0"].T + weight["rnn.bias_ih_l0"]
        + h_BD @ weight["rnn.weight_hh_l0"].T + weight["rnn.bias_hh_l0"]
    )  # fmt: skip


def plain_attention(source: Encoded, query_BD: Tensor) -> tuple[Tensor, Tensor]:
    """Of the general kind: context and weights."""
    assert source.keys_BSA is not None
    scores = torch.einsum("bd,bsd->bs", query_BD, source.keys_BSA)
    weights = torch.softmax(scores.masked_fill(~source.src_mask_BS, -torch.inf), -1)
    return torch.einsum("bs,bsh->bh", weights, source.enc_states_BSH), weights


def walked(
    settings: ModelSettings, steps: int
) -> tuple[RecurrentDecoder, Encoded, Tensor, DecoderState, Decoded, DecoderState]:
    """A decoder, what it is given, and what it makes of it: the results and its last state."""
    decoder = RecurrentDecoder(settings).eval()
    source = encoded(settings, decoder)
    embedded_BTE = torch.randn(3, steps, settings.embedding_size)
    state = decoder.initial_state(source)
    return decoder, source, embedded_BTE, state, *decoder(embedded_BTE, state, source)


@pytest.mark.parametrize("attention", ["none", "general"])
def test_readout_by_hand(model_settings: MakeSettings, attention: str) -> None:
    """One step of a plain network: a tanh layer, a weighted mean of the source, a tanh layer."""
    settings = model_settings(cell="rnn", attention=attention)
    decoder, source, embedded_BTE, start, decoded, after = walked(settings, steps=1)
    hidden = plain_layer(decoder, 0, embedded_BTE[:, 0], start.layers[0][0])
    torch.testing.assert_close(after.layers[0][0], hidden)
    if attention == "none":
        assert decoded.attn_weights_BTS is None
    else:
        context, weights = plain_attention(source, hidden)
        torch.testing.assert_close(decoded.attn_weights_BTS[:, 0], weights)
        hidden = torch.cat([hidden, context], -1)
    expected = torch.tanh(linear(decoder.readout, hidden))
    torch.testing.assert_close(decoded.readout_BTR[:, 0], expected)


def test_context_into_the_first_layer_by_hand(model_settings: MakeSettings) -> None:
    """Bahdanau et al. 2015: s_t = f(y_{t-1}, c_t, s_{t-1}), c_t from s_{t-1}."""
    settings = model_settings(cell="rnn", attention="general", context_into="first_layer")
    decoder, source, embedded_BTE, state, decoded, after = walked(settings, steps=2)
    h_BD = state.layers[0][0]
    for step in range(2):
        context, weights = plain_attention(source, h_BD)
        h_BD = plain_layer(decoder, 0, torch.cat([embedded_BTE[:, step], context], -1), h_BD)
        expected = torch.tanh(linear(decoder.readout, torch.cat([h_BD, context], -1)))
        torch.testing.assert_close(decoded.attn_weights_BTS[:, step], weights)
        torch.testing.assert_close(decoded.readout_BTR[:, step], expected)
    torch.testing.assert_close(after.layers[0][0], h_BD)


def test_context_into_the_layers_above_by_hand(model_settings: MakeSettings) -> None:
    """Wu et al. 2016 with the state after the step: the first layer asks, the second is told."""
    settings = model_settings(
        cell="rnn", attention="general", context_into="all_layers", readout_from="state",
        decoder_layers=2, encoder_layers=2,
    )  # fmt: skip
    decoder, source, embedded_BTE, state, decoded, after = walked(settings, steps=1)
    first = plain_layer(decoder, 0, embedded_BTE[:, 0], state.layers[0][0])
    context, weights = plain_attention(source, first)
    second = plain_layer(decoder, 1, torch.cat([first, context], -1), state.layers[1][0])
    torch.testing.assert_close(decoded.attn_weights_BTS[:, 0], weights)
    torch.testing.assert_close(after.layers[1][0], second)
    torch.testing.assert_close(
        decoded.readout_BTR[:, 0], torch.tanh(linear(decoder.readout, second))
    )


def test_residual_connections_by_hand(model_settings: MakeSettings) -> None:
    """The second layer adds what it reads to what it gives; its own state stays without."""
    settings = model_settings(
        cell="rnn", attention="general", residual=True, decoder_layers=2, encoder_layers=2
    )
    decoder, source, embedded_BTE, state, decoded, after = walked(settings, steps=1)
    first = plain_layer(decoder, 0, embedded_BTE[:, 0], state.layers[0][0])
    second = plain_layer(decoder, 1, first, state.layers[1][0])
    context, weights = plain_attention(source, first + second)
    torch.testing.assert_close(decoded.attn_weights_BTS[:, 0], weights)
    torch.testing.assert_close(after.layers[0][0], first)
    torch.testing.assert_close(after.layers[1][0], second)
    expected = torch.tanh(linear(decoder.readout, torch.cat([first + second, context], -1)))
    torch.testing.assert_close(decoded.readout_BTR[:, 0], expected)


def test_residual_adds_the_input_as_it_is_before_dropout(model_settings: MakeSettings) -> None:
    """Seen where the second layer gives nothing of its own."""
    settings = model_settings(
        attention="none", residual=True, decoder_layers=2, encoder_layers=2, layer_dropout=0.5,
        readout_size=0,
    )  # fmt: skip
    decoder = RecurrentDecoder(settings).train()
    with torch.no_grad():
        for parameter in decoder.layers[1].parameters():
            parameter.zero_()
    source = encoded(settings, decoder)
    state = decoder.initial_state(source)
    state = replace(state, layers=(state.layers[0], tuple(map(torch.zeros_like, state.layers[1]))))
    embedded_BTE = torch.randn(3, 4, settings.embedding_size)
    first, _ = decoder.layers[0](embedded_BTE, state.layers[0])
    assert torch.equal(decoder(embedded_BTE, state, source)[0].readout_BTR, first)


def test_the_output_from_the_context_alone(model_settings: MakeSettings) -> None:
    """Without a readout layer the output layer reads the context as it is."""
    settings = model_settings(
        cell="rnn", attention="general", readout_from="context", readout_size=0
    )
    decoder = RecurrentDecoder(settings).eval()
    source = encoded(settings, decoder)
    embedded_BTE = torch.randn(3, 1, settings.embedding_size)
    state = decoder.initial_state(source)
    decoded, _ = decoder(embedded_BTE, state, source)
    hidden = plain_layer(decoder, 0, embedded_BTE[:, 0], state.layers[0][0])
    torch.testing.assert_close(decoded.readout_BTR[:, 0], plain_attention(source, hidden)[0])
    assert settings.output_size == settings.enc_size


def test_input_feeding_starts_from_zeros_and_hands_on_the_readout(
    model_settings: MakeSettings,
) -> None:
    """The one handed on is without dropout."""
    settings = model_settings(input_feeding=True, readout_dropout=0.5)
    decoder = RecurrentDecoder(settings).train()
    source = encoded(settings, decoder)
    start = decoder.initial_state(source)
    assert start.readout_BR is not None
    assert start.readout_BR.tolist() == [[0.0] * settings.readout_size] * 3
    decoded, after = decoder(torch.randn(3, 2, settings.embedding_size), start, source)
    last = decoded.readout_BTR[:, -1]
    dropped = last == 0
    assert after.readout_BR is not None
    assert dropped.any()
    assert (after.readout_BR != 0).all()
    torch.testing.assert_close(last[~dropped], 2 * after.readout_BR[~dropped])


def test_location_aware_attention_reads_the_weights_of_the_step_before(
    model_settings: MakeSettings,
) -> None:
    settings = model_settings(attention="location_aware")
    decoder, source, embedded_BTE, start, decoded, after = walked(settings, steps=3)
    weights = decoded.attn_weights_BTS
    assert start.coverage_BS is not None
    assert not start.coverage_BS.any()
    torch.testing.assert_close(after.coverage_BS, weights[:, -1])
    assert decoded.repeated_BT is None
    first, state = decoder(embedded_BTE[:, :1], start, source)
    torch.testing.assert_close(first.attn_weights_BTS[:, 0], weights[:, 0])
    elsewhere = replace(state, coverage_BS=state.coverage_BS.flip(1))
    (second, _), (other, _) = (
        decoder(embedded_BTE[:, 1:2], each, source) for each in (state, elsewhere)
    )
    torch.testing.assert_close(second.attn_weights_BTS[:, 0], weights[:, 1])
    assert not torch.allclose(second.attn_weights_BTS, other.attn_weights_BTS)


def test_coverage_sums_the_weights_and_finds_repetition(model_settings: MakeSettings) -> None:
    """Looking at a position twice costs the smaller of the two looks: Eq. 12 in See et al. 2017."""
    settings = model_settings(coverage=True)
    decoder = RecurrentDecoder(settings).eval()
    source = encoded(settings, decoder)
    start = decoder.initial_state(source)
    decoded, after = decoder(torch.randn(3, 3, settings.embedding_size), start, source)
    weights = decoded.attn_weights_BTS.detach()
    torch.testing.assert_close(after.coverage_BS.detach(), weights.sum(1))
    for b in range(3):
        for t in range(3):
            looked = [sum(float(weights[b, u, s]) for u in range(t)) for s in range(4)]
            expected = sum(min(float(weights[b, t, s]), looked[s]) for s in range(4))
            assert decoded.repeated_BT[b, t].item() == pytest.approx(expected, abs=1e-6)
    # With only one place to look at, every look but the first is a repetition.
    torch.testing.assert_close(decoded.repeated_BT[2], torch.tensor([0.0, 1.0, 1.0]))


def test_repetition_is_unlearnt_at_both_looks(model_settings: MakeSettings) -> None:
    """The loss's gradient reaches the earlier weights, too, through the coverage that they left."""
    settings = model_settings(coverage=True)
    decoder = RecurrentDecoder(settings).eval()
    torch.nn.init.normal_(decoder.get_parameter("attention.coverage.weight"))
    source = encoded(settings, decoder)
    assert source.keys_BSA is not None
    source = replace(source, keys_BSA=source.keys_BSA.detach())
    embedded_BTE = torch.randn(3, 3, settings.embedding_size)
    weights = [
        decoder.get_parameter(f"attention.{name}.weight")
        for name in ("query", "energy", "coverage")
    ]

    def gradients(by_hand: bool) -> tuple[Tensor, ...]:
        decoded, _ = decoder(embedded_BTE, decoder.initial_state(source), source)
        attended, repeated = decoded.attn_weights_BTS, decoded.repeated_BT
        if by_hand:
            repeated = torch.minimum(attended, attended.cumsum(1) - attended).sum(-1)
        # Each look has a weight of its own, so that no two terms cancel.
        loss = (repeated * torch.tensor([1.0, 2.0, 3.0])).sum()
        return torch.autograd.grad(loss, weights)

    torch.testing.assert_close(gradients(by_hand=False), gradients(by_hand=True))


def test_the_switch_by_hand(model_settings: MakeSettings) -> None:
    """sigmoid(w_h c + w_s s + w_x x + b): Eq. 8 in See et al. 2017."""
    settings = model_settings(cell="rnn", attention="general", copying=True)
    decoder = RecurrentDecoder(settings).eval()
    source = encoded(settings, decoder)
    embedded_BTE = torch.randn(3, 1, settings.embedding_size)
    state = decoder.initial_state(source)
    decoded, _ = decoder(embedded_BTE, state, source)
    s_BD = plain_layer(decoder, 0, embedded_BTE[:, 0], state.layers[0][0])
    c_BH, _ = plain_attention(source, s_BD)
    assert decoder.switch is not None
    logits = linear(decoder.switch.linear, torch.cat([c_BH, s_BD, embedded_BTE[:, 0]], -1))
    torch.testing.assert_close(decoded.generate_BT, torch.sigmoid(logits))


def test_encoded_select_gathers_every_part(model_settings: MakeSettings) -> None:
    settings = model_settings(encoder_layers=2)
    source = encoded(settings, RecurrentDecoder(settings))
    chosen = source.select(torch.tensor([2, 0, 0, 1]))
    assert chosen.src_mask_BS.sum(1).tolist() == [1, 4, 4, 2]
    assert chosen.keys_BSA is not None
    assert source.keys_BSA is not None
    for row, index in enumerate([2, 0, 0, 1]):
        assert torch.equal(chosen.src_BS[row], source.src_BS[index])
        assert torch.equal(chosen.enc_states_BSH[row], source.enc_states_BSH[index])
        assert torch.equal(chosen.keys_BSA[row], source.keys_BSA[index])
        for layer, expected in zip(chosen.final_states, source.final_states, strict=True):
            for part, whole in zip(layer, expected, strict=True):
                assert torch.equal(part[row], whole[index])


def test_select_keeps_absent_what_is_absent(model_settings: MakeSettings) -> None:
    settings = model_settings(attention="none")
    decoder = RecurrentDecoder(settings)
    source, index = encoded(settings, decoder), torch.tensor([1, 1])
    assert source.select(index).keys_BSA is None
    state: DecoderState = decoder.initial_state(source).select(index)
    assert state.readout_BR is None
    assert state.coverage_BS is None
    assert [part.shape[0] for layer in state.layers for part in layer] == [2, 2]
