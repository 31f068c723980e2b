"""Where the decoder drops units between its layers, and which."""

from collections.abc import Callable

import pytest
import torch
from sources import encoded
from torch import Tensor

from attn2seq.model.decoder import RecurrentDecoder
from attn2seq.model.settings import ModelSettings

MakeSettings = Callable[..., ModelSettings]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_layer_dropout_acts_between_layers_alone(
    model_settings: MakeSettings, layers: int, feeding: bool
) -> None:
    """The second layer reads what the first one gave, or nothing of it."""
    settings = model_settings(
        decoder_layers=layers, encoder_layers=2, layer_dropout=0.5, input_feeding=feeding
    )
    decoder = RecurrentDecoder(settings)
    source = encoded(settings, decoder)
    embedded_BTE = torch.randn(3, 4, settings.embedding_size)
    given: list[Tensor] = []
    read: list[Tensor] = []
    decoder.layers[0].register_forward_hook(lambda *call: given.append(call[2][0]))
    decoder.layers[-1].register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    found = []
    for training in (False, True):
        decoder.train(training)
        given.clear(), read.clear()
        found.append(decoder(embedded_BTE, decoder.initial_state(source), source)[0].readout_BTR)
    assert torch.equal(*found) is (layers == 1)
    if layers == 2:
        above, below = torch.cat(read, 1), torch.cat(given, 1)
        lost = above == 0
        assert 0.3 < lost.float().mean() < 0.7
        torch.testing.assert_close(above[~lost], 2 * below[~lost])


@pytest.mark.parametrize("step_by_step", [False, True])
def test_variational_dropout_drops_the_same_units_at_all_positions(
    model_settings: MakeSettings, step_by_step: bool
) -> None:
    """Seen at the entrance of the second layer."""
    settings = model_settings(
        cell="rnn", attention="general", decoder_layers=2, encoder_layers=2,
        input_feeding=step_by_step, layer_dropout=0.5, variational_dropout=True,
        readout_from="state", context_into="all_layers",
    )  # fmt: skip
    decoder = RecurrentDecoder(settings).train()
    seen: list[Tensor] = []
    decoder.layers[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    source = encoded(settings, decoder)
    embedded_BTE = torch.randn(3, 5, settings.embedding_size)
    decoder(embedded_BTE, decoder.initial_state(source), source)
    below_BTD = torch.cat(seen, 1)[..., : settings.decoder_hidden_size]
    dropped = below_BTD == 0
    assert dropped.any()
    assert not dropped.all()
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
