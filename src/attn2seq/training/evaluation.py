"""How well the model predicts the dev set, under teacher forcing."""

import math
from dataclasses import dataclass

import torch

from attn2seq.batching.batch import Pairs
from attn2seq.batching.sampler import BatchLimits, plan_batches
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training.loss import sequence_loss


@dataclass(frozen=True)
class DevScores:
    """Sums over the dev set, divided once."""

    loss: float  # nats a token
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
    nats, correct, tokens = 0.0, 0.0, 0
    for indices in plan_batches(pairs.src.lengths, pairs.tgt.lengths, limits, seed=0, epoch=0):
        batch = pairs.batch(indices, device)
        loss = sequence_loss(model, model(batch), batch, label_smoothing=0.0)
        nats += float(loss.nats)
        correct += float(loss.correct)
        tokens += batch.tokens
    model.train()
    return DevScores(nats / tokens, 100 * correct / tokens)
