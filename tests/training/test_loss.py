"""The chunked loss against torch's own cross-entropy."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attn2seq.batching.batch import make_batch
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training import loss as loss_module
from attn2seq.training.loss import cross_entropy, sequence_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("chunk", "piece"), [(3, 2), (5, 64), (512, 3), (512, 64)])
def test_equals_torch(
    monkeypatch: pytest.MonkeyPatch, smoothing: float, chunk: int, piece: int
) -> None:
    monkeypatch.setattr(loss_module, "CHUNK_ROWS", {"cpu": chunk})
    monkeypatch.setattr(loss_module, "PIECE_ROWS", {"cpu": piece})
    torch.manual_seed(1)
    output, readout = nn.Linear(6, 11), torch.randn(8, 6, requires_grad=True)
    targets = torch.randint(0, 11, (8,))
    logits = output(readout)
    expected = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")
    inputs = (readout, output.weight, output.bias)
    expected_grads = torch.autograd.grad(expected * 0.3, inputs)
    found = cross_entropy(readout, output, targets, smoothing)
    grads = torch.autograd.grad(found.smoothed * 0.3, inputs)
    torch.testing.assert_close(found.smoothed, expected)
    torch.testing.assert_close(found.nats, F.cross_entropy(logits, targets, reduction="sum"))
    with torch.no_grad():
        looked = cross_entropy(readout, output, targets, smoothing)
    torch.testing.assert_close(looked.smoothed, expected.detach())
    assert looked.correct == (logits.argmax(1) == targets).sum()
    for ours, theirs in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_smoothing_by_hand() -> None:
    # Two tokens with probabilities 1/4 and 3/4; the right one is the second; e = 0.2:
    # 0.9 * -ln(3/4) + 0.1 * -ln(1/4) = 0.2589 + 0.1386
    output = nn.Linear(1, 2)
    with torch.no_grad():
        output.weight.zero_()
        output.bias.copy_(torch.tensor([0.0, 3.0]).log().nan_to_num(neginf=0.0))
    found = cross_entropy(torch.ones(1, 1), output, torch.tensor([1]), 0.2)
    assert float(found.smoothed.detach()) == pytest.approx(0.3975, abs=1e-4)
    assert float(found.nats) == pytest.approx(0.2877, abs=1e-4)


def test_bfloat16_stays_near_float32() -> None:
    torch.manual_seed(1)
    output, readout, targets = nn.Linear(32, 50), torch.randn(40, 32), torch.randint(0, 50, (40,))
    plain = cross_entropy(readout, output, targets, 0.1).smoothed
    rounded = cross_entropy(readout.bfloat16(), output.bfloat16(), targets, 0.1).smoothed
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, plain, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("chunk", [4, 512])
def test_gradients_in_bfloat16_stay_near_those_in_float32(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """Summed over 100 chunks, too."""
    monkeypatch.setattr(loss_module, "CHUNK_ROWS", {"cpu": chunk})
    torch.manual_seed(1)
    output, readout, targets = nn.Linear(32, 50), torch.randn(400, 32), torch.randint(0, 50, (400,))
    grads = []
    for number_type in (torch.float32, torch.bfloat16):
        layer, inputs = output.to(number_type), readout.to(number_type).requires_grad_()
        loss = cross_entropy(inputs, layer, targets, 0.1).smoothed / len(targets)
        grads.append(torch.autograd.grad(loss, (inputs, layer.weight, layer.bias)))
    for plain, rounded in zip(*grads, strict=True):
        assert rounded.dtype == torch.bfloat16
        assert (rounded.float() - plain).norm() < 0.02 * plain.norm()


SOURCES, TARGETS = [[5, 6, 7, 8], [9], [4, 10]], [[11, 6], [13, 14, 9], [16]]


@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("chunk", [2, 512])
def test_a_batch_costs_what_its_tokens_cost_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
    small_model: Callable[..., Seq2Seq],
    copying: bool,
    chunk: int,
) -> None:
    """Each token's loss from the step-by-step distribution, smoothed by the textbook formula."""
    monkeypatch.setattr(loss_module, "CHUNK_ROWS", {"cpu": chunk})
    model, batch = small_model(copying=copying), make_batch(SOURCES, TARGETS)
    plain, smoothed = torch.zeros(()), torch.zeros(())
    for source, target in zip(SOURCES, TARGETS, strict=True):
        alone = make_batch([source], [target])
        encoded = model.encode(alone.src_BS, alone.src_lengths_B)
        state = model.initial_state(encoded)
        for last, token in zip(alone.tgt_in_BT[0], alone.tgt_out_BT[0], strict=True):
            log_probs, _, state = model.decode_step(last.unsqueeze(0), state, encoded)
            plain = plain - log_probs[0, token]
            smoothed = smoothed - 0.9 * log_probs[0, token] - 0.1 * log_probs.mean()
    found = sequence_loss(model, model(batch), batch, 0.1)
    torch.testing.assert_close(found.nats, plain)
    torch.testing.assert_close(found.smoothed, smoothed)
    ours = torch.autograd.grad(found.smoothed, list(model.parameters()), allow_unused=True)
    theirs = torch.autograd.grad(smoothed, list(model.parameters()), allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_repeated_looks_cost_their_weight(small_model: Callable[..., Seq2Seq]) -> None:
    model, batch = small_model(coverage=True), make_batch(SOURCES, TARGETS)
    decoded = model(batch)
    losses = [sequence_loss(model, decoded, batch, 0.0, weight) for weight in (0.0, 1.0, 2.0)]
    added = losses[1].smoothed - losses[0].smoothed
    torch.testing.assert_close(losses[2].smoothed - losses[0].smoothed, 2 * added)
    torch.testing.assert_close(added, decoded.repeated_BT[batch.tgt_out_BT != 0].sum())
    assert torch.equal(losses[0].nats, losses[1].nats)
