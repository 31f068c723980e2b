"""How well the model predicts the dev set, under teacher forcing."""

import math
from dataclasses import dataclass

import torch

from attn2seq.batching.batch import Pairs
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.model.seq2seq import Seq2Seq, at_places, positions
from attn2seq.training.loss import chunks


@dataclass(frozen=True)
class DevScores:
    """Sums over the dev set, divided once."""

    loss: float  # nats per token
    accuracy: float  # per cent of tokens predicted right

    @property
    def perplexity(self) -> float:
        """exp of the loss; infinite past what a float holds."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


@torch.no_grad()
def evaluate_pairs(
    model: Seq2Seq, pairs: Pairs, limits: BatchLimits, device: torch.device
) -> DevScores:
    """Scores of all pairs, dropout off; the model is left in training mode."""
    model.eval()
    tokens = 0
    nats, correct = torch.zeros(2, dtype=torch.float64, device=device)
    for indices in plan_batches(pairs.src.lengths, pairs.tgt.lengths, limits, seed=0, epoch=0):
        batch = pairs.batch(indices, device)
        targets_N = at_places(batch.tgt_out_BT, batch)
        for targets_C, *at in chunks(targets_N, *positions(model(batch), batch)):
            log_probs_CV = model.log_probs(*at)
            nats -= log_probs_CV.gather(1, targets_C.unsqueeze(1)).double().sum()
            correct += (log_probs_CV.argmax(1) == targets_C).sum()
        tokens += batch.tokens
    model.train()
    return DevScores(float(nats) / tokens, 100 * float(correct) / tokens)
