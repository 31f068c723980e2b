"""What a model is called: on its card, in the registry, under the demo."""

import pytest

from attn2seq.model.description import described


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "recurrent encoder-decoder (gru, dot attention)"),  # of runs before there was a choice
        ({"attention": "none"}, "recurrent encoder-decoder (gru, no attention)"),
        (
            {"encoder": "transformer"},
            "Transformer encoder with a recurrent decoder (gru, dot attention)",
        ),
        ({"encoder": "transformer", "decoder": "transformer"}, "Transformer"),
        ({"decoder": "transformer"}, "gru encoder with a Transformer decoder"),
        (
            {"encoder": "transformer", "decoder": "transformer", "decoder_mixing": "recurrent"},
            "Transformer whose decoder has gru in place of self-attention",
        ),
    ],
)  # fmt: skip
def test_every_kind_has_its_words(settings: dict[str, str], words: str) -> None:
    assert described({"cell": "gru", "attention": "dot"} | settings) == words
