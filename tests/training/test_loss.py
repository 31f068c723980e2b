"""The chunked loss against torch's own cross-entropy."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn2seq.batching.batch import make_batch
from attn2seq.model.decoder import Decoded
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import EOS_ID
from attn2seq.training import loss as loss_module
from attn2seq.training.loss import sequence_loss


def cross_entropy(
    model: Seq2Seq, readout_NR: Tensor, targets: Sequence[int], smoothing: float
) -> Tensor:
    """The loss of one sentence whose readouts are given."""
    batch = make_batch([[5]], [targets[:-1]])
    assert batch.tgt_out_BT.tolist() == [[*targets[:-1], EOS_ID]] == [list(targets)]
    decoded = Decoded(readout_NR.unsqueeze(0), None, None, None)
    return sequence_loss(model, decoded, batch, smoothing)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [3, 8, 512])
def test_equals_torch(
    monkeypatch: pytest.MonkeyPatch,
    small_model: Callable[..., Seq2Seq],
    smoothing: float,
    chunk: int,
) -> None:
    monkeypatch.setattr(loss_module, "CPU_ROWS", chunk)
    model = small_model()
    output = model.output
    readout = torch.randn(8, output.in_features, requires_grad=True)
    targets = [9, 4, 5, 9, 11, 7, 6, EOS_ID]
    expected = F.cross_entropy(
        output(readout), torch.tensor(targets), label_smoothing=smoothing, reduction="sum"
    )
    inputs = (readout, output.weight, output.bias)
    expected_grads = torch.autograd.grad(expected * 0.3, inputs)
    found = cross_entropy(model, readout, targets, smoothing)
    torch.testing.assert_close(found, expected)
    grads = torch.autograd.grad(found * 0.3, inputs)
    for ours, theirs in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(ours, theirs)
    output.weight.requires_grad_(False)
    found = cross_entropy(model, readout, targets, smoothing)
    of_readout, of_bias = torch.autograd.grad(found * 0.3, (readout, output.bias))
    torch.testing.assert_close((of_readout, of_bias), (expected_grads[0], expected_grads[2]))


def test_smoothing_by_hand(small_model: Callable[..., Seq2Seq]) -> None:
    # Four tokens of equal probability but the right one, which is three times as probable: 1/6,
    # 1/6, 1/6 and 1/2; e = 0.2: 0.8 * ln 2 + 0.05 * (ln 2 + 3 * ln 6) = 0.5545 + 0.3034
    model = small_model()
    model.output = nn.Linear(1, 4)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor([1.0, 1.0, 1.0, 3.0]).log())
    found = cross_entropy(model, torch.ones(1, 1), [EOS_ID], 0.2)
    assert float(found.detach()) == pytest.approx(0.8579, abs=1e-4)


@pytest.mark.parametrize("chunk", [4, 512])
def test_in_bfloat16_loss_and_gradients_stay_near_those_in_float32(
    monkeypatch: pytest.MonkeyPatch, small_model: Callable[..., Seq2Seq], chunk: int
) -> None:
    """Summed over 100 chunks, too."""
    monkeypatch.setattr(loss_module, "CPU_ROWS", chunk)
    model = small_model()
    readout = torch.randn(400, model.output.in_features)
    targets = [*torch.randint(4, 20, (399,)).tolist(), EOS_ID]
    losses, grads = [], []
    for number_type in (torch.float32, torch.bfloat16):
        layer, inputs = model.output.to(number_type), readout.to(number_type).requires_grad_()
        loss = cross_entropy(model, inputs, targets, 0.1) / len(targets)
        assert loss.dtype == torch.float32
        losses.append(loss.detach())
        grads.append(torch.autograd.grad(loss, (inputs, layer.weight, layer.bias)))
    torch.testing.assert_close(losses[1], losses[0], rtol=0.01, atol=0.01)
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
    monkeypatch.setattr(loss_module, "CPU_ROWS", chunk)
    model, batch = small_model(copying=copying), make_batch(SOURCES, TARGETS)
    smoothed = torch.zeros(())
    for source, target in zip(SOURCES, TARGETS, strict=True):
        alone = make_batch([source], [target])
        encoded = model.encode(alone.src_BS, alone.src_lengths_B)
        state = model.initial_state(encoded)
        for last, token in zip(alone.tgt_in_BT[0], alone.tgt_out_BT[0], strict=True):
            log_probs, _, state = model.decode_step(last.unsqueeze(0), state, encoded)
            smoothed = smoothed - 0.9 * log_probs[0, token] - 0.1 * log_probs.mean()
    found = sequence_loss(model, model(batch), batch, 0.1)
    torch.testing.assert_close(found, smoothed)
    ours = torch.autograd.grad(found, list(model.parameters()), allow_unused=True)
    theirs = torch.autograd.grad(smoothed, list(model.parameters()), allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_repeated_looks_cost_their_weight(small_model: Callable[..., Seq2Seq]) -> None:
    model, batch = small_model(coverage=True), make_batch(SOURCES, TARGETS)
    decoded = model(batch)
    losses = [sequence_loss(model, decoded, batch, 0.0, weight) for weight in (0.0, 1.0, 2.0)]
    added = losses[1] - losses[0]
    torch.testing.assert_close(losses[2] - losses[0], 2 * added)
    torch.testing.assert_close(added, decoded.repeated_BT[batch.tgt_out_BT != 0].sum())


def test_a_chunk_of_a_gpu_holds_a_gibibyte_of_logits_whatever_the_vocabulary() -> None:
    """And its places can be counted in 32 bits, as some of its libraries do."""
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    for vocabulary in (1, 2000, 32_000, 300_000, 2**29):
        rows = loss_module.rows_at_once(vocabulary, gpu)
        assert rows >= 1
        assert rows == 1 or rows * vocabulary * 4 <= 2**30
        assert loss_module.rows_at_once(vocabulary, cpu) == 512
    assert loss_module.rows_at_once(32_000, gpu) == 8388
