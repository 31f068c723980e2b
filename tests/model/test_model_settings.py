from collections.abc import Callable

import pytest
from pydantic import ValidationError

from attn2seq.model.settings import ModelSettings


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attention": "dot", "decoder_hidden_size": 20}, "as wide as the decoder's"),
        ({"attention": "multi_head", "attention_heads": 3}, "must divide"),
        ({"reverse_source": True}, "set model.reverse_source to false"),
        ({"attention": "dot", "coverage": True}, "coverage is part of additive scores"),
        ({"attention": "none", "input_feeding": True}, "no context for model.input_feeding"),
        ({"attention": "none", "copying": True}, "no context for model.copying"),
        ({"attention": "none", "context_into": "first_layer"}, "no context for model.context_into"),
        ({"attention": "none", "readout_from": "context"}, "no context for model.readout_from"),
        ({"readout_from": "state"}, "leave the context unread"),
        ({"context_into": "all_layers"}, "model.decoder_layers to 2 or more"),
        ({"input_feeding": True, "readout_size": 0}, "feeds the readout back"),
        ({"bridge": "last", "decoder_hidden_size": 20}, "16 units and the decoder 20"),
        ({"bridge": "zero", "attention": "none"}, "would never see it: set model.bridge to learnt"),
        ({"tie_embeddings": "all", "readout_size": 13}, "readout_size equal to"),
        ({"tie_embeddings": "target", "readout_size": 13}, "readout_size equal to"),
        ({"tie_embeddings": "target", "readout_size": 0}, "reads 32: set model.readout_size to 12"),
        ({"readout_dropout": 1.0}, "less than 1"),
        ({"cell": "mlp"}, "'lstm', 'gru'"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    model_settings: Callable[..., ModelSettings], changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        model_settings(**changes)


def test_settings_are_frozen(model_settings: Callable[..., ModelSettings]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        model_settings().layer_dropout = 0.5
