"""The additive scores that a CPU computes quickly are those of the plain formula."""

import pytest
import torch
from torch import Tensor

from attn2seq.model.attention import additive_scores
from attn2seq.model.fast.additive_scores import additive_scores_on_cpu

UNITS = 16


def inputs(positions: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    shapes = ((5, positions, UNITS), (5, 3, UNITS), (UNITS,))
    queries, keys, v = (torch.randn(shape).double().requires_grad_() for shape in shapes)
    return queries, keys, v


@pytest.mark.parametrize("positions", [1, 2, 7])
def test_values_and_gradients_equal_the_plain_ones(positions: int) -> None:
    given, weights = inputs(positions), torch.randn(5, positions, 3).double()
    ours, plain = additive_scores_on_cpu(*given), additive_scores(*given)
    torch.testing.assert_close(ours, plain)
    assert ours.std() > 1
    found, expected = (torch.autograd.grad((each * weights).sum(), given) for each in (ours, plain))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("positions", [1, 3])
def test_gradients_by_differences(positions: int) -> None:
    assert torch.autograd.gradcheck(additive_scores_on_cpu, inputs(positions))


def test_in_bfloat16_it_is_about_as_exact() -> None:
    given = inputs(7)
    exact = additive_scores(*given)
    rounded = [each.bfloat16() for each in given]
    ours, plain = (
        float((scores(*rounded).double() - exact).abs().mean().detach())
        for scores in (additive_scores_on_cpu, additive_scores)
    )
    assert plain < 0.03
    assert ours < 2 * plain
