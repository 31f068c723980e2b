"""A GPU computes what a CPU does: the loss and each gradient of every kind of model.

The reference is a CPU in float32 with the same weights: those that bfloat16 holds, where the GPU
computes in it.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import Batch, make_batch
from attn2seq.model.device import moved
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.training.loss import sequence_loss

# The norm of a difference over that of what is expected. In bfloat16 a CPU is as far off as this.
OF_LOSS = {torch.float32: 1e-5, torch.bfloat16: 1e-3}
OF_GRADIENTS = {torch.float32: 1e-4, torch.bfloat16: 5e-2}  # of all together
OF_A_WEIGHT = {torch.float32: 1e-3, torch.bfloat16: 3e-1}  # of one alone, some of which are small
# Normalising small states makes their rounding large.
LAYER_NORM = 5
VOCABULARY = 50
# Few units take cuDNN's small persistent kernels, many its others.
SIZES = {
    "few": {"embedding_size": 32, "encoder_hidden_size": 32, "decoder_hidden_size": 64,
            "attention_size": 32, "readout_size": 32},
    "many": {"embedding_size": 64, "encoder_hidden_size": 256, "decoder_hidden_size": 512,
             "attention_size": 64, "readout_size": 64},
}  # fmt: skip
TRANSFORMER = {
    "embedding_size": 64, "encoder_hidden_size": 64, "decoder_hidden_size": 64,
    "feed_forward_size": 128, "attention": "multi_head", "attention_heads": 4,
    "attention_size": 64, "readout_size": 0,
    "encoder_layers": 2, "decoder_layers": 2,
}  # fmt: skip
CELLS = ["lstm", "gru", "rnn", "rnn_relu", "layer_norm_lstm", "lrn"]
MODELS: dict[str, dict[str, object]] = {
    **{f"{cell}, {size}": {"cell": cell, "encoder_layers": 2, **SIZES[size]}
       for cell in CELLS for size in SIZES},
    **{kind: {"attention": kind, **SIZES["few"]}
       for kind in ("none", "dot", "general", "additive", "normalised_additive", "location",
                    "multi_head")},
    "first_layer": {"context_into": "first_layer", **SIZES["few"]},
    "all_layers": {"context_into": "all_layers", "decoder_layers": 3, "residual": True,
                   "bidirectional": "first", "encoder_layers": 3, **SIZES["few"]},
    "input feeding": {"input_feeding": True, "decoder_layers": 2, **SIZES["few"]},
    "copying": {"copying": True, "coverage": True, **SIZES["few"]},
    "reversed": {"attention": "none", "reverse_source": True, "bridge": "last",
                 **SIZES["few"], "decoder_hidden_size": 64},
    "Transformer": {"encoder": "transformer", "decoder": "transformer", **TRANSFORMER},
    "Transformer, post": {"encoder": "transformer", "decoder": "transformer", **TRANSFORMER,
                          "layer_normalisation": "post"},
    "Transformer, copying": {"encoder": "transformer", "decoder": "transformer", **TRANSFORMER,
                             "copying": True},
    "Transformer, recurrent mixing": {"encoder": "transformer", "decoder": "transformer",
                                      **TRANSFORMER, "decoder_mixing": "recurrent"},
    "Transformer over LSTM": {"decoder": "transformer", **TRANSFORMER},
    "LSTM over Transformer": {"encoder": "transformer", **TRANSFORMER, "readout_size": 64},
}  # fmt: skip


@pytest.mark.parametrize(
    "number_type", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"]
)
@pytest.mark.parametrize("lengths", ["equal", "ragged"])
@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients(
    model_settings: Callable[..., ModelSettings],
    device: torch.device,
    name: str,
    lengths: str,
    number_type: torch.dtype,
) -> None:
    torch.manual_seed(2)
    settings = model_settings(**MODELS[name])
    model = Seq2Seq(settings, VOCABULARY, VOCABULARY).to(number_type).float()
    expected_loss, expected = loss_and_gradients(model, torch.device("cpu"), lengths)
    loss, found = loss_and_gradients(moved(model, device, number_type), device, lengths)
    assert loss == pytest.approx(expected_loss, rel=OF_LOSS[number_type])
    assert found.keys() == expected.keys()
    all_found, all_expected = (
        torch.cat([each.flatten() for each in of.values()]) for of in (found, expected)
    )
    whole = all_expected.norm()
    allowed = OF_GRADIENTS[number_type] * (LAYER_NORM if settings.cell == "layer_norm_lstm" else 1)
    assert float((all_found - all_expected).norm() / whole) < allowed
    # Some are nothing but rounding, such as that of a key's bias, which a softmax takes away again.
    off = {
        weight: float((found[weight] - value).norm() / value.norm().clamp(min=1e-3 * whole))
        for weight, value in expected.items()
    }
    assert {weight: each for weight, each in off.items() if each > OF_A_WEIGHT[number_type]} == {}


def loss_and_gradients(
    model: Seq2Seq, device: torch.device, lengths: str
) -> tuple[float, dict[str, Tensor]]:
    """The loss a token, and the gradients of it, on the CPU."""
    batch = a_batch(device, lengths)
    model.zero_grad()
    loss = sequence_loss(model, model(batch), batch, 0.1, 1.0) / batch.tokens
    loss.backward()
    gradients = {
        name: weight.grad.float().cpu().clone()
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    return float(loss.detach()), gradients


def a_batch(device: torch.device, lengths: str) -> Batch:
    """Sixteen pairs of up to 12 tokens."""
    generator = torch.Generator().manual_seed(5)

    def side(longest: int) -> list[list[int]]:
        sizes = [
            longest if lengths == "equal" else 1 + (5 * place) % longest for place in range(16)
        ]
        return [
            torch.randint(4, VOCABULARY, (size,), generator=generator).tolist() for size in sizes
        ]

    return make_batch(side(12), side(10), device)
