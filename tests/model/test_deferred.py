"""Deferred weight gradients against those of the plain loop."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from attn2seq.batching.batch import make_batch
from attn2seq.model import decoder as decoder_module
from attn2seq.model.fast.deferred import DeferredLinear, SharedWeight, deferred_gradients
from attn2seq.model.recurrent import RecurrentLayer
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training.loss import sequence_loss

BATCH = make_batch([[5, 6, 7, 8], [9], [4, 10]], [[11, 12], [13, 14, 15], [16]])


@pytest.mark.parametrize("bias", [True, False])
def test_the_gradient_of_a_loop(bias: bool) -> None:
    """By finite differences; the weight serves three times, once on its own output."""
    torch.manual_seed(1)
    weight = torch.randn(3, 3).double().requires_grad_()
    offset = torch.randn(3).double().requires_grad_() if bias else None
    inputs = torch.randn(2, 1, 3).double().requires_grad_()

    def loop(x: Tensor, w: Tensor, *b: Tensor) -> Tensor:
        shared = SharedWeight(w, b[0] if b else None)
        return shared(torch.tanh(shared(x))) + shared(x)

    given = (inputs, weight) if offset is None else (inputs, weight, offset)
    assert torch.autograd.gradcheck(loop, given)


@pytest.mark.parametrize(
    "variant",
    [
        {"input_feeding": True},
        {"input_feeding": True, "attention": "multi_head", "copying": True},
        {"context_into": "first_layer", "attention": "location"},
        {"context_into": "first_layer", "cell": "gru", "decoder_layers": 2},
        {"coverage": True, "copying": True, "attention": "normalised_additive"},
        {"input_feeding": True, "decoder_layers": 2, "residual": True, "cell": "layer_norm_lstm"},
    ],
)
def test_a_decoder_learns_what_it_learns_in_the_plain_loop(
    small_model: Callable[..., Seq2Seq],
    monkeypatch: pytest.MonkeyPatch,
    variant: dict[str, object],
) -> None:
    model = small_model(**variant).double()
    found = []
    for deferring in (deferred_gradients, lambda module: nullcontext()):
        monkeypatch.setattr(decoder_module, "deferred_gradients", deferring)
        loss = sequence_loss(model, model(BATCH), BATCH, 0.1, 1.0)
        weights = dict(model.named_parameters())
        grads = torch.autograd.grad(loss, list(weights.values()))
        found.append(dict(zip(weights, grads, strict=True)) | {"loss": loss.detach()})
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_in_bfloat16_the_gradient_is_no_further_from_the_exact_one(
    small_model: Callable[..., Seq2Seq], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One product over all steps rounds once where the plain loop rounds at each step."""

    def gradient(number_type: torch.dtype, deferring: Callable[..., Any]) -> Tensor:
        monkeypatch.setattr(decoder_module, "deferred_gradients", deferring)
        model = small_model(input_feeding=True).to(number_type)
        loss = sequence_loss(model, model(BATCH), BATCH, 0.1)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        return torch.cat([grad.flatten().double() for grad in grads])

    def plain_loop(module: object) -> AbstractContextManager[None]:
        return nullcontext()

    exact = gradient(torch.float32, plain_loop)
    deferred, plain = (
        float((gradient(torch.bfloat16, deferring) - exact).norm() / exact.norm())
        for deferring in (deferred_gradients, plain_loop)
    )
    assert deferred < 0.03
    assert deferred < 1.1 * plain


def test_layers_defer_within_the_block_alone_and_only_for_a_gradient() -> None:
    layers = torch.nn.ModuleList(
        [
            DeferredLinear(3, 3),
            RecurrentLayer("lstm", 3, 3, False),
            RecurrentLayer("gru", 3, 3, False),
        ]
    )
    with deferred_gradients(layers):
        assert [layer.shared is not None for layer in layers] == [True, True, False]
    assert [layer.shared for layer in layers] == [None] * 3
    with torch.no_grad(), deferred_gradients(layers):
        assert [layer.shared for layer in layers] == [None] * 3
    with pytest.raises(KeyError), deferred_gradients(layers):
        raise KeyError
    assert [layer.shared for layer in layers] == [None] * 3
