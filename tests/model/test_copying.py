"""The pointer-generator's mixture, by hand and with loops."""

from collections.abc import Callable

import pytest
import torch

from attn2seq.batching.batch import make_batch
from attn2seq.model.copying import add_at, add_in_order, mix_copies
from attn2seq.model.seq2seq import Seq2Seq


def test_the_mixture_by_hand() -> None:
    """Half is made up (0.5, 0.3, 0.2), half is copied from the source 2 1 2."""
    log_probs = torch.tensor([[0.5, 0.3, 0.2]]).log()
    weights, source = torch.tensor([[0.6, 0.3, 0.1]]), torch.tensor([[2, 1, 2]])
    mixed = mix_copies(log_probs, torch.tensor([0.5]), weights, source).exp()
    torch.testing.assert_close(mixed, torch.tensor([[0.25, 0.3, 0.45]]))


def test_an_open_switch_changes_nothing_and_a_closed_one_leaves_the_source() -> None:
    log_probs = torch.log_softmax(torch.randn(2, 5), -1)
    weights, source = torch.tensor([[0.9, 0.1], [0.4, 0.6]]), torch.tensor([[4, 1], [2, 2]])
    opened = mix_copies(log_probs, torch.ones(2), weights, source)
    torch.testing.assert_close(opened, log_probs)
    closed = mix_copies(log_probs, torch.zeros(2), weights, source).exp()
    expected = torch.tensor([[0, 0.1, 0, 0, 0.9], [0, 0, 1.0, 0, 0]])
    torch.testing.assert_close(closed, expected)


def test_gradients() -> None:
    torch.manual_seed(1)
    logits = torch.randn(3, 6).double().requires_grad_()
    switch = torch.rand(3).double().requires_grad_()
    scores = torch.randn(3, 4).double().requires_grad_()
    source = torch.randint(0, 6, (3, 4))

    def mixed(z: torch.Tensor, g: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return mix_copies(torch.log_softmax(z, -1), g, torch.softmax(a, -1), source)

    assert torch.autograd.gradcheck(mixed, (logits, switch, scores))


def test_rounding_makes_no_probability_above_one() -> None:
    """Weights of one word's places may sum to a little more than 1, as a softmax's do."""
    weights = torch.full((1, 3), 1 / 3 + 1e-6)
    assert float(weights.sum()) > 1
    log_probs = torch.log_softmax(torch.randn(1, 5), -1)
    mixed = mix_copies(log_probs, torch.zeros(1), weights, torch.tensor([[4, 4, 4]]))
    assert mixed[0, 4].item() == 0.0


def test_a_closed_switch_leaves_every_gradient_finite() -> None:
    """Words that stand nowhere in the source have the probability 0, whose logarithm has none."""
    logits = torch.randn(2, 6, requires_grad=True)
    switch = torch.full((2,), -1e4, requires_grad=True)
    scores = torch.randn(2, 3, requires_grad=True)
    source = torch.tensor([[2, 3, 3], [5, 1, 2]])
    mixed = mix_copies(
        torch.log_softmax(logits, -1), torch.sigmoid(switch), torch.softmax(scores, -1), source
    )
    assert mixed.isfinite().all()
    mixed.sum().backward()
    for leaf in (logits, switch, scores):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
    assert scores.grad is not None
    assert scores.grad.any()


@pytest.mark.parametrize("feeding", [False, True])
def test_a_word_of_the_source_becomes_likelier(
    small_model: Callable[..., Seq2Seq], feeding: bool
) -> None:
    """The distribution sums to one, and what is copied comes from the source alone."""
    model = small_model(copying=True, input_feeding=feeding)
    batch = make_batch([[5, 6, 7]], [[8]])
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    state = model.initial_state(encoded)
    log_probs, weights, _ = model.decode_step(torch.tensor([2]), state, encoded)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(1))
    assert model.decoder.switch is not None
    with torch.no_grad():
        model.decoder.switch.linear.bias.fill_(-30.0)
    copied, _, _ = model.decode_step(torch.tensor([2]), state, encoded)
    assert weights is not None
    torch.testing.assert_close(copied.exp()[:, batch.src_BS[0]], weights)
    assert copied.exp()[0, [4, 8, 9]].max() < 1e-6


def test_ids_are_added_in_order_where_a_gpu_would_add_them_in_any() -> None:
    """The way of a GPU, which sums equal ids one after the other, gives what a CPU's does."""
    torch.manual_seed(4)
    probs, copied = torch.rand(5, 9), torch.rand(5, 12)
    source = torch.randint(0, 9, (5, 12))
    expected = probs.clone()
    for row, ids in enumerate(source.tolist()):
        for place, token in enumerate(ids):
            expected[row, token] += copied[row, place]
    for add in (add_at, add_in_order):
        torch.testing.assert_close(add(probs, source, copied), expected)
