"""The loss of a batch, a chunk of its tokens at a time: all logits at once would be large.

Shapes: N target positions (no padding among them), R readout, C of a chunk, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from attn2seq.batching.batch import Batch
from attn2seq.model.decoder import Decoded
from attn2seq.model.seq2seq import Seq2Seq, at_places, positions

# Enough for efficient products on a CPU.
CPU_ROWS = 512
# On a GPU few products fill it; a gibibyte in float32, of which three or so are held at once.
GPU_LOGITS = 2**28


def sequence_loss(
    model: Seq2Seq,
    decoded: Decoded,
    batch: Batch,
    label_smoothing: float,
    coverage_weight: float = 0.0,
) -> Tensor:
    """What is minimised of a batch, in nats, summed over its target tokens; float32.

    With smoothing e the target distribution gives e/V to every token and 1-e more to the right one
    (Szegedy et al. 2016, section 7). `coverage_weight` times the attention's weight on positions
    looked at before is added (Eq. 13 in See et al. 2017), where the model keeps coverage.
    """

    def smoothed_nats(targets_C: Tensor, *at: Tensor) -> Tensor:
        log_probs_CV = model.log_probs(*at)
        nats = F.nll_loss(log_probs_CV, targets_C, reduction="sum")
        return (1 - label_smoothing) * nats - label_smoothing * log_probs_CV.mean(1).sum()

    targets_N, at = at_places(batch.tgt_out_BT, batch), positions(decoded, batch)
    loss: Tensor
    if len(at) > 1:  # a mixture with words that are copied
        loss = sum_in_chunks(smoothed_nats, model.tgt_vocabulary_size, targets_N, *at)
    else:
        weights = model.output.weight, model.output.bias
        loss = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
            *at, *weights, targets_N, label_smoothing
        )
    if decoded.repeated_BT is not None and coverage_weight:
        loss = loss + coverage_weight * at_places(decoded.repeated_BT, batch).sum()
    return loss


def chunks(vocabulary: int, *values_N: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of each, as many at once as suit the device and the size of the vocabulary."""
    size = rows_at_once(vocabulary, values_N[0].device)
    return zip(*(values.split(size) for values in values_N), strict=True)


def rows_at_once(vocabulary: int, device: torch.device) -> int:
    """How many rows of logits a chunk has."""
    return CPU_ROWS if device.type == "cpu" else max(1, GPU_LOGITS // vocabulary)


def sum_in_chunks(loss_of: Callable[..., Tensor], vocabulary: int, *values_N: Tensor) -> Tensor:
    """The sum of `loss_of` over chunks of the values, computed once more in the backward pass."""
    parts = chunks(vocabulary, *values_N)
    # Nothing in them is drawn at random: no generator's state is kept for the second time.
    return torch.stack(
        [
            checkpoint(loss_of, *part, use_reentrant=False, preserve_rng_state=False)
            for part in parts
        ]
    ).sum()


class _CrossEntropy(torch.autograd.Function):
    """The gradient of the logits, softmax minus target distribution, is known with the loss.

    So each chunk is finished at once. torch's own linear_cross_entropy smooths no labels where it
    works in chunks, and sums a bfloat16 loss in bfloat16 (docs/experiments.md).
    """

    @staticmethod
    def forward(
        ctx: Any,
        readout_NR: Tensor,
        weight_VR: Tensor,
        bias_V: Tensor,
        targets_N: Tensor,
        label_smoothing: float,
    ) -> Tensor:
        loss = torch.zeros((), device=readout_NR.device)
        of_readout, of_weight = [], torch.zeros_like(weight_VR)
        of_bias = torch.zeros_like(bias_V, dtype=torch.float32)
        for readout_CR, targets_C in chunks(len(weight_VR), readout_NR, targets_N):
            targets_C1 = targets_C.unsqueeze(1)
            logits_CV = F.linear(readout_CR, weight_VR, bias_V).float()
            log_probs_CV = logits_CV.log_softmax(1)
            loss -= (1 - label_smoothing) * log_probs_CV.gather(1, targets_C1).sum()
            loss -= label_smoothing * log_probs_CV.mean(1).sum()
            grad_CV = log_probs_CV.exp_().sub_(label_smoothing / len(weight_VR))
            grad_CV.scatter_add_(
                1, targets_C1, grad_CV.new_full(targets_C1.shape, label_smoothing - 1)
            )
            of_bias += grad_CV.sum(0)
            grad_CV = grad_CV.to(weight_VR.dtype)
            of_readout.append(grad_CV @ weight_VR)
            # In the weights' own number type, which the sum is rounded to anyway: a sum in float32
            # takes several more passes over a tensor as large as the weights.
            of_weight.addmm_(grad_CV.t(), readout_CR)
        ctx.save_for_backward(torch.cat(of_readout), of_weight, of_bias.to(bias_V.dtype))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *(each * grad for each in ctx.saved_tensors), None, None
