"""The dev scores are torch's own cross-entropy and a count, however the pairs are batched."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from attn2seq.batching.batch import Pairs
from attn2seq.batching.sampler import BatchLimits
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training.evaluation import DevScores, alignment, evaluate_pairs

CPU = torch.device("cpu")
LIMITS = BatchLimits(tokens=60, sentences=7)


def test_equals_cross_entropy_pair_by_pair(
    small_model: Callable[..., Seq2Seq], copy_pairs: Callable[..., Pairs]
) -> None:
    model, pairs = small_model(readout_dropout=0.5), copy_pairs(30, 1)
    nats, correct, tokens = 0.0, 0, 0
    with torch.no_grad():
        for index in range(len(pairs)):
            batch = pairs.batch([index], CPU)
            logits_TV, targets_T = model.output(model(batch).readout_BTR)[0], batch.tgt_out_BT[0]
            nats += float(F.cross_entropy(logits_TV, targets_T, reduction="sum"))
            correct += int((logits_TV.argmax(-1) == targets_T).sum())
            tokens += len(targets_T)
    assert tokens == sum(pairs.tgt.lengths) + len(pairs)  # eos counts
    model.train()
    scores = evaluate_pairs(model, pairs, LIMITS, CPU)
    assert scores.loss == pytest.approx(nats / tokens, rel=1e-5)
    assert scores.accuracy == pytest.approx(100 * correct / tokens)
    assert scores.perplexity == pytest.approx(math.exp(nats / tokens), rel=1e-4)


def test_batch_limits_change_nothing(
    small_model: Callable[..., Seq2Seq], copy_pairs: Callable[..., Pairs]
) -> None:
    model, pairs = small_model().double(), copy_pairs(40, 2)
    limits = [(1, 1), (12, 40), (1000, 3), (1000, 1000)]
    scores = [evaluate_pairs(model, pairs, BatchLimits(*limit), CPU) for limit in limits]
    assert [item.loss for item in scores] == pytest.approx([scores[0].loss] * 4, rel=1e-6)
    assert len({item.accuracy for item in scores}) == 1


def test_a_look_leaves_training_as_it_was(
    small_model: Callable[..., Seq2Seq], copy_pairs: Callable[..., Pairs]
) -> None:
    model, pairs = small_model(readout_dropout=0.5).train(), copy_pairs(20, 3)
    before = torch.get_rng_state()
    evaluate_pairs(model, pairs, LIMITS, CPU)
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)


def test_perplexity_of_a_diverged_model_is_infinite() -> None:
    assert DevScores(0.0, 100.0, None).perplexity == 1.0
    assert DevScores(1e4, 0.0, None).perplexity == math.inf


def test_alignment_is_the_correlation_of_positions() -> None:
    straight, turned = torch.eye(4), torch.eye(4).flip(0)
    still = torch.zeros(4, 4).index_fill(1, torch.tensor(2), 1.0)
    drawn = torch.softmax(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)), -1)
    padded = torch.cat([torch.eye(4)[:3], torch.eye(4)[:1]])  # what stands in padding is not read
    weights, mask = torch.stack([straight, turned, still, drawn, padded]), torch.ones(5, 4).bool()
    mask[4, 3] = False
    expected = np.corrcoef(np.arange(4), drawn.double().numpy() @ np.arange(4))[0, 1]
    assert alignment(weights, mask).tolist() == pytest.approx([1, -1, 0, expected, 1])


def test_alignment_of_one_token_and_of_no_attention(
    small_model: Callable[..., Seq2Seq], copy_pairs: Callable[..., Pairs]
) -> None:
    assert alignment(torch.ones(1, 1, 3), torch.ones(1, 1).bool()).tolist() == [0]
    pairs = copy_pairs(10, 4)
    assert evaluate_pairs(small_model(attention="none"), pairs, LIMITS, CPU).alignment is None
    found = evaluate_pairs(small_model(), pairs, LIMITS, CPU).alignment
    assert found is not None
    assert -1 <= found <= 1
