"""Label-smoothed cross-entropy over a large vocabulary, without holding all logits at once.

Shapes: N target positions (no padding among them), R readout, V vocabulary, C chunk of N,
P piece of C.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from attn2seq.batching.batch import Batch
from attn2seq.model.decoder import Decoded
from attn2seq.model.device import for_device
from attn2seq.model.seq2seq import Positions, Seq2Seq, at_places, positions

# Rows of logits held at once: large enough for efficient products; on a CPU small enough to stay
# in memory that the allocator keeps, on a GPU so many that few products fill it.
CHUNK_ROWS = {"cpu": 512, "cuda": 8192}
# Rows of the float32 softmax: on a CPU a piece of a chunk that its caches hold.
PIECE_ROWS = {"cpu": 64, "cuda": 8192}
# Below it the probability of a right token counts as this: its logarithm would be no number.
_SMALLEST = torch.finfo(torch.float32).tiny


class Loss(NamedTuple):
    """Sums over target positions, for the caller to divide once."""

    smoothed: Tensor  # what is minimised; differentiable
    nats: Tensor  # plain negative log-likelihood
    correct: Tensor  # positions whose likeliest token is the right one; not counted in training


def chunks(rows_N: Tensor) -> list[slice]:
    """The rows of each chunk, by the device that they lie on."""
    size = for_device(CHUNK_ROWS, rows_N.device)
    return [slice(start, start + size) for start in range(0, len(rows_N), size)]


def sequence_loss(
    model: Seq2Seq,
    decoded: Decoded,
    batch: Batch,
    label_smoothing: float,
    coverage_weight: float = 0.0,
) -> Loss:
    """Loss of all target tokens of a batch, summed.

    `coverage_weight` times the attention's weight on positions looked at before is added to what
    is minimised (Eq. 13 in See et al. 2017), where the model keeps coverage.
    """
    at, targets_N = positions(decoded, batch), at_places(batch.tgt_out_BT, batch)
    if at.copies is None:
        loss = cross_entropy(at.readout_NR, model.output, targets_N, label_smoothing)
    else:
        loss = _mixture_cross_entropy(model, at, targets_N, label_smoothing)
    if decoded.repeated_BT is None or not coverage_weight:
        return loss
    repeated = at_places(decoded.repeated_BT, batch).sum()
    return loss._replace(smoothed=loss.smoothed + coverage_weight * repeated)


def _mixture_cross_entropy(
    model: Seq2Seq, at: Positions, targets_N: Tensor, label_smoothing: float
) -> Loss:
    """The same loss of a distribution that mixes words made up and words copied.

    Each chunk's distribution is computed once more in the backward pass instead of being kept.
    """

    def chunk_loss(part: Positions, targets_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_probs_CV = model.log_probs(part)
        nats = -log_probs_CV.gather(1, targets_C.unsqueeze(1)).sum()
        uniform = -log_probs_CV.sum() / log_probs_CV.shape[1]
        correct = (log_probs_CV.argmax(1) == targets_C).sum().float()
        return (1 - label_smoothing) * nats + label_smoothing * uniform, nats.detach(), correct

    sums = [
        checkpoint(
            chunk_loss,
            at.part(rows),
            targets_N[rows],
            use_reentrant=False,
        )
        for rows in chunks(targets_N)
    ]
    return Loss(*(torch.stack(part).sum() for part in zip(*sums, strict=True)))


def cross_entropy(
    readout_NR: Tensor, output: nn.Linear, targets_N: Tensor, label_smoothing: float
) -> Loss:
    """Loss of the output layer's distribution against the targets, summed over positions.

    With smoothing e the target distribution gives e/V to every token and 1-e more to the right
    one (Szegedy et al. 2016, section 7). The softmax runs in float32.
    """
    smoothed, nats, correct = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        readout_NR, output.weight, output.bias, targets_N, label_smoothing, torch.is_grad_enabled()
    )
    return Loss(smoothed, nats, correct)


def _softmax(logits_PV: Tensor, targets_P: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The softmax, and of each row the cross-entropies: of its target, and of all tokens alike."""
    probs_PV, targets_P1 = torch.softmax(logits_PV, dim=-1), targets_P.unsqueeze(1)
    log_probs_P1 = probs_PV.gather(1, targets_P1).clamp_min(_SMALLEST).log()
    log_sums_P1 = logits_PV.gather(1, targets_P1) - log_probs_P1
    return probs_PV, -log_probs_P1.squeeze(1), log_sums_P1.squeeze(1) - logits_PV.mean(1)


def _subtract_targets(probs_PV: Tensor, targets_P: Tensor, label_smoothing: float) -> None:
    """Softmax minus the target distribution, in place: the gradient of the smoothed loss."""
    probs_PV -= label_smoothing / probs_PV.shape[1]
    right = probs_PV.new_full((), label_smoothing - 1).expand(len(targets_P), 1)
    probs_PV.scatter_add_(1, targets_P.unsqueeze(1), right)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient of the logits is known with the loss, so each chunk is finished at once."""

    @staticmethod
    def forward(
        ctx: Any,
        readout_NR: Tensor,
        weight_VR: Tensor,
        bias_V: Tensor,
        targets_N: Tensor,
        label_smoothing: float,
        needs_grad: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        grad_readout = torch.empty_like(readout_NR) if needs_grad else None
        grad_weight = torch.zeros_like(weight_VR) if needs_grad else None
        grad_bias = torch.zeros_like(bias_V, dtype=torch.float32) if needs_grad else None
        smoothed, nats, correct = (readout_NR.new_zeros((), dtype=torch.float32) for _ in range(3))
        bias_V = bias_V.float()
        piece_rows = for_device(PIECE_ROWS, readout_NR.device)
        for rows in chunks(targets_N):
            readout_CR = readout_NR[rows]
            logits_CV = readout_CR @ weight_VR.t()
            pieces = (each.split(piece_rows) for each in (logits_CV, targets_N[rows]))
            for logits_PV, targets_P in zip(*pieces, strict=True):
                probs_PV, nats_P, uniform_P = _softmax(logits_PV + bias_V, targets_P)
                nats += nats_P.sum()
                smoothed += ((1 - label_smoothing) * nats_P + label_smoothing * uniform_P).sum()
                if grad_bias is None:
                    correct += (probs_PV.argmax(1) == targets_P).sum()
                    continue
                _subtract_targets(probs_PV, targets_P, label_smoothing)
                grad_bias += probs_PV.sum(0)
                logits_PV.copy_(probs_PV)  # which are no longer needed: now their gradient
            if grad_readout is None or grad_weight is None:
                continue
            grad_readout[rows] = logits_CV @ weight_VR
            # In the weights' own number type, which the sum is rounded to anyway: a sum in float32
            # takes several more passes over a tensor as large as the weights.
            grad_weight.addmm_(logits_CV.t(), readout_CR)
        if grad_readout is not None and grad_weight is not None and grad_bias is not None:
            ctx.save_for_backward(grad_readout, grad_weight, grad_bias.to(weight_VR.dtype))
        ctx.mark_non_differentiable(nats, correct)
        return smoothed, nats, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        grad_readout, grad_weight, grad_bias = ctx.saved_tensors
        return grad_readout * grad, grad_weight * grad, grad_bias * grad, None, None, None
