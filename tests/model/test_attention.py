"""Each score against its equation with loops in float64; weights, masks, gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attn2seq.model.attention import Attention, attend, make_attention
from attn2seq.model.settings import ModelSettings

KINDS = ["additive", "dot", "general"]


def attention_of(make: Callable[..., ModelSettings], kind: str) -> Attention:
    torch.manual_seed(2)
    attention = make_attention(make(attention=kind))
    assert attention is not None
    return attention.double()


def plain_score(kind: str, attention: Attention, q: Tensor, h: Tensor) -> Tensor:
    w = dict(attention.named_parameters())
    if kind == "dot":
        return sum((a * b for a, b in zip(q, h, strict=True)), torch.zeros(()).double())
    if kind == "general":
        return q @ (w["key.weight"] @ h)
    hidden = torch.tanh(w["query.weight"] @ q + w["key.weight"] @ h + w["key.bias"])
    return w["energy.weight"][0] @ hidden


@pytest.mark.parametrize("kind", KINDS)
def test_scores_equal_the_equation(model_settings: Callable[..., ModelSettings], kind: str) -> None:
    attention = attention_of(model_settings, kind)
    queries, states = torch.randn(2, 3, 16).double(), torch.randn(2, 4, 16).double()
    scores = attention.scores(queries, attention.keys(states))
    for b in range(2):
        for t in range(3):
            for s in range(4):
                expected = plain_score(kind, attention, queries[b, t], states[b, s])
                torch.testing.assert_close(scores[b, t, s], expected)


def test_attending_by_hand() -> None:
    scores = torch.tensor([[[0.0, torch.log(torch.tensor(3.0)).item(), 5.0]]])
    states = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    context, weights = attend(scores, states, torch.tensor([[True, True, False]]))
    # exp(0) : exp(ln 3) = 1 : 3, and the third position is padding
    torch.testing.assert_close(weights, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context, torch.tensor([[[0.25, 0.75]]]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_padding_changes_nothing(
    model_settings: Callable[..., ModelSettings], kind: str
) -> None:
    attention = attention_of(model_settings, kind)
    queries, states = torch.randn(1, 2, 16).double(), torch.randn(1, 5, 16).double()
    mask = torch.tensor([[True, True, True, False, False]])
    other = states.clone()
    other[:, 3:] = 1e3
    results = [
        attend(attention.scores(queries, attention.keys(part)), part, mask)
        for part in (states, other)
    ]
    torch.testing.assert_close(results[0], results[1])
    assert not results[0][1][..., 3:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(model_settings: Callable[..., ModelSettings], kind: str) -> None:
    attention = attention_of(model_settings, kind)
    queries = torch.randn(1, 2, 16).double().requires_grad_()
    states = torch.randn(1, 3, 16).double().requires_grad_()

    def scores(q: Tensor, h: Tensor) -> Tensor:
        return attention.scores(q, attention.keys(h))

    assert torch.autograd.gradcheck(scores, (queries, states))


def test_none_is_none(model_settings: Callable[..., ModelSettings]) -> None:
    assert make_attention(model_settings(attention="none")) is None
