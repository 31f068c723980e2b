"""A real network with random weights: its texts are nonsense, its machinery is not."""

from typing import Any

import torch

from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import EOS_ID

VOCABULARY = 36
TEXTS = [
    "a dog runs on the grass",
    "two men sit at a table",
    "",
    "the children play with a red ball near the old house",
    "   ",
    "a cat",
    "a dog runs on the grass",
    "she reads",
]


TRANSFORMER: dict[str, Any] = {
    "encoder": "transformer", "encoder_hidden_size": 16, "decoder": "transformer",
    "attention": "multi_head", "readout_size": 0, "input_feeding": False,
}  # fmt: skip


def tiny_model(
    attention: str = "additive", input_feeding: bool = True, **changes: object
) -> Seq2Seq:
    settings = ModelSettings.model_validate(
        {
            "encoder": "recurrent",
            "decoder": "recurrent",
            "feed_forward_size": 16,
            "layer_normalisation": "pre",
            "decoder_mixing": "self_attention",
            "cell": "lstm",
            "embedding_size": 16,
            "encoder_layers": 1,
            "encoder_hidden_size": 8,
            "bidirectional": "all",
            "reverse_source": False,
            "decoder_layers": 2,
            "decoder_hidden_size": 16,
            "bridge": "learnt",
            "attention": attention,
            "attention_size": 8,
            "attention_heads": 2,
            "location_positions": 30,
            "coverage": False,
            "copying": False,
            "context_into": "output",
            "input_feeding": input_feeding,
            "readout_from": "both",
            "readout_size": 16,
            "residual": False,
            "embedding_dropout": 0.1,
            "layer_dropout": 0.1,
            "readout_dropout": 0.1,
            "variational_dropout": False,
            "tie_embeddings": "none",
            "freeze_embeddings": False,
        }
        | changes
    )
    torch.manual_seed(5)
    model = Seq2Seq(settings, VOCABULARY, VOCABULARY)
    # Far from uniform, so that a search has a choice, and ending now and then.
    for parameter in model.parameters():
        parameter.data.mul_(2 if "transformer" in (settings.encoder, settings.decoder) else 4)
    model.output.weight.data.mul_(3)
    model.output.bias.data.zero_()
    model.output.bias.data[EOS_ID] = 3
    return model.eval()
