from collections.abc import Callable

import pytest
from pydantic import ValidationError

from attn2seq.model.settings import ModelSettings


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attention": "dot", "decoder_hidden_size": 20}, "as wide as the decoder's"),
        ({"attention": "none", "input_feeding": True}, "attention is none"),
        ({"tie_embeddings": "all", "readout_size": 13}, "readout_size equal to"),
        ({"tie_embeddings": "target", "readout_size": 13}, "readout_size equal to"),
        ({"dropout": 1.0}, "less than 1"),
        ({"cell": "mlp"}, "'lstm', 'gru' or 'rnn'"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    model_settings: Callable[..., ModelSettings], changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        model_settings(**changes)


def test_settings_are_frozen(model_settings: Callable[..., ModelSettings]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        model_settings().dropout = 0.5
