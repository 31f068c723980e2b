"""Every kind of bridge by hand, between encoders and decoders of other depth and width."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.model.cells import State
from attn2seq.model.encoder import Bridge
from attn2seq.model.settings import ModelSettings

MakeSettings = Callable[..., ModelSettings]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def final_states(settings: ModelSettings, parts: int) -> tuple[State, ...]:
    return tuple(tuple(torch.randn(3, size) for _ in range(parts)) for size in settings.enc_sizes)


def linear(module: torch.nn.Module, value: Tensor) -> Tensor:
    return value @ module.get_parameter("weight").T + module.get_parameter("bias")


@pytest.mark.parametrize("cell", ["lstm", "layer_norm_lstm"])
def test_learnt_takes_h_through_tanh_and_c_linearly(
    model_settings: MakeSettings, cell: str
) -> None:
    settings = model_settings(cell=cell, encoder_layers=2, decoder_layers=2)
    bridge, finals = Bridge(settings), final_states(settings, 2)
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
    sizes = {"encoder_layers": encoder_layers, "decoder_layers": decoder_layers}
    learnt, last, zero = (
        Bridge(model_settings(cell="gru", bridge=kind, **sizes))
        for kind in ("learnt", "last", "zero")
    )
    finals = final_states(model_settings(**sizes), 1)
    assert [len(start) for start in learnt(finals)] == [1] * decoder_layers
    for depth, layer in enumerate(taken):
        expected = torch.tanh(linear(learnt.hidden[depth], finals[layer][0]))
        torch.testing.assert_close(learnt(finals)[depth][0], expected)
        assert last(finals)[depth][0] is finals[layer][0]
        assert torch.equal(zero(finals)[depth][0], torch.zeros(3, 16))


def test_learnt_joins_encoder_layers_of_two_widths(model_settings: MakeSettings) -> None:
    """With only the first layer in both directions, it is twice as wide as the second."""
    settings = model_settings(bidirectional="first", encoder_layers=2, decoder_layers=3)
    bridge, finals = Bridge(settings), final_states(settings, 2)
    assert [final[0].shape[1] for final in finals] == [16, 8]
    starts = bridge(finals)
    assert [part.shape for start in starts for part in start] == [(3, 16)] * 6
    torch.testing.assert_close(starts[2][1], linear(bridge.memory[2], finals[1][1]))


@pytest.mark.parametrize(("cell", "parts"), [("lstm", 2), ("layer_norm_lstm", 2), ("rnn_relu", 1)])
@pytest.mark.parametrize("kind", ["zero", "last"])
def test_what_is_not_learnt_has_no_weights(
    model_settings: MakeSettings, cell: str, parts: int, kind: str
) -> None:
    settings = model_settings(cell=cell, bridge=kind)
    bridge, finals = Bridge(settings), final_states(settings, parts)
    assert list(bridge.parameters()) == []
    for part, start in zip(finals[0], bridge(finals)[0], strict=True):
        assert torch.equal(start, part if kind == "last" else torch.zeros_like(part))


def test_zeros_have_the_number_type_of_the_states(model_settings: MakeSettings) -> None:
    settings = model_settings(bridge="zero")
    finals = tuple(
        tuple(part.to(torch.bfloat16) for part in state) for state in final_states(settings, 2)
    )
    assert all(part.dtype == torch.bfloat16 for part in Bridge(settings)(finals)[0])
