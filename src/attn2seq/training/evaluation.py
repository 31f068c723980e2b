"""How well the model predicts the dev set, under teacher forcing.

Shapes: B batch, T target positions, S source positions.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from attn2seq.batching.batch import Pairs
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.distributed.ranks import ALONE, Ranks
from attn2seq.model.seq2seq import Seq2Seq, at_places, positions
from attn2seq.tokenization.tokenizer import PAD_ID
from attn2seq.training.loss import chunks


@dataclass(frozen=True)
class DevScores:
    """Sums over the dev set, divided once."""

    loss: float  # nats per token
    accuracy: float  # per cent of tokens predicted right
    alignment: float | None  # mean of `alignment`; None without attention

    @property
    def perplexity(self) -> float:
        """exp of the loss; infinite past what a float holds."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


@torch.no_grad()
def evaluate_pairs(
    model: Seq2Seq,
    pairs: Pairs,
    limits: BatchLimits,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> DevScores:
    """Scores of all pairs, dropout off; the model is left in training mode.

    Several `ranks` share the sentences of each batch.
    """
    model.eval()
    nats, correct, followed = torch.zeros(3, dtype=torch.float64, device=device)
    attends = False
    tgt_lengths = pairs.tgt.lengths
    for indices in plan_batches(pairs.src.lengths, tgt_lengths, limits, seed=0, epoch=0):
        own = indices[ranks.rank :: ranks.count]
        if not len(own):
            continue
        batch = pairs.batch(own, device)
        targets_N, decoded = at_places(batch.tgt_out_BT, batch), model(batch)
        if decoded.attn_weights_BTS is not None:
            attends = True
            followed += alignment(decoded.attn_weights_BTS, batch.tgt_out_BT != PAD_ID).sum()
        for targets_C, *at in chunks(
            model.tgt_vocabulary_size, targets_N, *positions(decoded, batch)
        ):
            log_probs_CV = model.log_probs(*at)
            nats -= log_probs_CV.gather(1, targets_C.unsqueeze(1)).double().sum()
            correct += (log_probs_CV.argmax(1) == targets_C).sum()
    model.train()
    sums = torch.stack([nats, correct, followed, nats.new_tensor(attends)])
    ranks.add_up([sums])
    nats, correct, followed, attends_somewhere = sums
    tokens = int(tgt_lengths.sum()) + len(pairs)
    return DevScores(
        float(nats) / tokens,
        100 * float(correct) / tokens,
        float(followed) / len(pairs) if attends_somewhere else None,
    )


def alignment(attn_weights_BTS: Tensor, tgt_mask_BT: Tensor) -> Tensor:
    """How far attention moves through the source as the target grows, for each sentence: B.

    The correlation of a target position with the mean source position that it attends to: near 0
    while attention has found nothing, near 1 where it goes straight from start to end. 0 where
    either does not move, as in a target of one token.
    """
    mask_BT = tgt_mask_BT.double()
    count_B1 = mask_BT.sum(1, keepdim=True)

    def centred(values_BT: Tensor) -> Tensor:
        mean_B1 = (values_BT * mask_BT).sum(1, keepdim=True) / count_B1
        return (values_BT - mean_B1) * mask_BT

    weights = attn_weights_BTS.double()
    places_S = torch.arange(weights.shape[2], dtype=weights.dtype, device=weights.device)
    attended_BT = centred(weights @ places_S)
    # Of whole numbers: a sum of floats that runs on repeats on no GPU in every version of torch.
    target_BT = centred(tgt_mask_BT.cumsum(1).double())
    scale_B = (attended_BT.square().sum(1) * target_BT.square().sum(1)).sqrt()
    return (attended_BT * target_BT).sum(1) / scale_B.clamp(min=1e-9)
