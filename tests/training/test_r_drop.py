"""R-Drop against torch.distributions and against its equation, written out."""

from collections.abc import Callable

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from attn2seq.batching.batch import Batch, make_batch
from attn2seq.model.seq2seq import Seq2Seq, positions
from attn2seq.training import loss
from attn2seq.training.loss import sequence_loss
from attn2seq.training.objective import batch_loss, divergence
from attn2seq.training.settings import TrainSettings

Make = Callable[..., TrainSettings]


@pytest.fixture
def batch() -> Batch:
    return make_batch([[5, 6, 7], [8]], [[9, 10], [11, 12, 13]])


def reference(model: Seq2Seq, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    p, q = (Categorical(logits=model.output(readout)) for readout in (first, second))
    return (kl_divergence(p, q) + kl_divergence(q, p)).sum() / 2


def test_the_divergence_and_its_gradient_in_chunks(
    small_model: Callable[..., Seq2Seq], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "CPU_ROWS", 3)
    model = small_model()
    readouts = [torch.randn(8, 12, requires_grad=True) for _ in range(2)]
    first, second = readouts
    found = divergence(model, (first,), (second,))
    expected = reference(model, first, second)
    torch.testing.assert_close(found, expected)
    wanted = [*readouts, model.output.weight]
    for left, right in zip(
        torch.autograd.grad(found, wanted), torch.autograd.grad(expected, wanted), strict=True
    ):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("copying", [False, True])
def test_the_loss_is_half_of_equation_4(
    small_model: Callable[..., Seq2Seq], train_settings: Make, batch: Batch, copying: bool
) -> None:
    model = small_model(readout_dropout=0.5, copying=copying).train()
    settings = train_settings(r_drop=3.0, label_smoothing=0.1)
    torch.manual_seed(1)
    found = batch_loss(model, batch, settings, step=1)
    torch.manual_seed(1)
    passes = [model(batch), model(batch)]
    log_p, log_q = (model.log_probs(*positions(each, batch)) for each in passes)
    apart = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum() / 2  # KL there and back
    nats = sum(sequence_loss(model, each, batch, 0.1) for each in passes)
    torch.testing.assert_close(found, (nats + 3.0 * apart) / 2)
    assert float(apart.detach()) > 0.01


def test_without_dropout_it_changes_nothing(
    small_model: Callable[..., Seq2Seq], train_settings: Make, batch: Batch
) -> None:
    model = small_model().train()
    with_it, without = (
        batch_loss(model, batch, train_settings(r_drop=weight), step=1) for weight in (5.0, 0.0)
    )
    torch.testing.assert_close(with_it, without)
