"""Samples against exact probabilities; the seed is fixed, so each bound holds always or never."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.batched import Reader, find_all
from attn2seq.decoding.ranking import length_penalty
from attn2seq.decoding.sampling import draw_tokens, sample, sentence_draws
from attn2seq.decoding.search import Found
from attn2seq.tokenization.tokenizer import EOS_ID

CPU = torch.device("cpu")
SOURCES = [[word] * (1 + word % 3) for word in range(FIRST_WORD, 34)]


def tokens_of(found: list[list[Found]]) -> list[list[list[int]]]:
    return [[one.tokens for one in samples] for samples in found]


def kept_by_hand(probs: list[float], temperature: float, top_k: int, top_p: float) -> list[float]:
    """The distribution that is drawn from: one token after the other, the largest first."""
    powers = [prob ** (1 / temperature) for prob in probs]
    order = sorted(range(len(probs)), key=lambda token: (-powers[token], token))
    order = [token for token in order if powers[token] > 0][: top_k or None]
    whole = sum(powers[token] for token in order)
    kept: list[int] = []
    while sum(powers[token] for token in kept) < top_p * whole * (1 - 1e-9) and len(kept) < len(
        order
    ):
        kept.append(order[len(kept)])
    total = sum(powers[token] for token in kept)
    return [powers[token] / total if token in kept else 0.0 for token in range(len(probs))]


def test_whole_samples_are_as_frequent_as_they_are_probable() -> None:
    # Up to 3 of 2 words: 15 hypotheses. Special tokens are never drawn, so at each step the
    # others' probabilities are made to sum to 1; at the limit only the end is left.
    model = TableModel.random(3, vocabulary_size=FIRST_WORD + 2, spread=1.0)
    settings = decode_settings(search="sampling", nbest=1000, max_length_offset=3)
    counts: Counter[tuple[int, ...]] = Counter()
    for seed in range(20):
        drawn = settings.model_copy(update={"sampling_seed": seed})
        [samples] = sample(model, *pad_batch([[7]]), drawn)
        counts.update(tuple(one.tokens) for one in samples)
    chi_square = 0.0
    for tokens in model.all_hypotheses([7], 0, 3):
        prob = 1.0
        for row, token in list(zip(model.walk([7], tokens), tokens, strict=True))[:3]:
            probs = model.table[row].double().exp()[EOS_ID:]
            prob *= float(probs[token - EOS_ID] / probs.sum())
        expected = 20_000 * prob
        chi_square += (counts[tuple(tokens)] - expected) ** 2 / expected
    # 14 degrees of freedom: one draw in ten thousand is above 42.6.
    assert chi_square < 42.6
    assert sum(counts.values()) == 20_000
    assert len(counts) == 15


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 0, 1.0), (1.0, 3, 1.0), (1.0, 0, 0.6), (1.3, 4, 0.8)],
)
def test_tokens_are_as_frequent_as_they_are_probable(
    temperature: float, top_k: int, top_p: float
) -> None:
    generator = torch.Generator().manual_seed(4)
    log_probs_V = (torch.randn(9, generator=generator) * 1.5).log_softmax(dim=0)
    log_probs_V[:3] = -torch.inf
    settings = decode_settings(search="sampling", temperature=temperature, top_k=top_k, top_p=top_p)
    expected = kept_by_hand(log_probs_V.double().exp().tolist(), temperature, top_k, top_p)
    # Every part of [0, 1) alike: the share of each token is its probability, but for the grid.
    uniform_N = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    tokens_N = draw_tokens(log_probs_V.expand(20_000, -1), uniform_N, settings)
    shares = (tokens_N.bincount(minlength=9).double() / 20_000).tolist()
    assert shares == pytest.approx(expected, abs=1e-4)
    assert [share > 0 for share in shares] == [prob > 0 for prob in expected]


def test_supports_by_hand() -> None:
    log_probs_1V = torch.tensor([[0.4, 0.1, 0.3, 0.1, 0.1]]).log()
    uniform = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for options, support in (
        ({"top_k": 1}, {0}),
        ({"top_k": 2}, {0, 2}),
        ({"top_k": 3}, {0, 1, 2}),  # of the three of 0.1 the first
        ({"top_k": 99}, {0, 1, 2, 3, 4}),
        ({"top_p": 0.39}, {0}),
        ({"top_p": 0.41}, {0, 2}),
        ({"top_p": 0.75}, {0, 1, 2}),
        ({"top_p": 1e-9}, {0}),
        # Of 0.4 and 0.3 the first has 0.57.
        ({"top_k": 2, "top_p": 0.5}, {0}),
        ({"top_k": 2, "top_p": 0.6}, {0, 2}),
        # The temperature comes first: 0.16 of 0.28 is 0.57, where 0.4 is not half.
        ({"temperature": 0.5, "top_p": 0.5}, {0}),
        ({"temperature": 1.0, "top_p": 0.5}, {0, 2}),
    ):
        settings = decode_settings(search="sampling", **options)
        drawn = draw_tokens(log_probs_1V.expand(1000, -1), uniform, settings)
        assert set(drawn.tolist()) == support, options


def test_the_ends_of_the_interval_fall_on_a_token_that_may_come() -> None:
    log_probs = torch.tensor([[-torch.inf, math.log(0.5), math.log(0.5), -torch.inf]] * 2)
    ends = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    settings = decode_settings(search="sampling")
    assert draw_tokens(log_probs, ends, settings).tolist() == [1, 2]


@pytest.mark.parametrize("batch_tokens", [1, 100, 4000])
def test_samples_do_not_depend_on_batch_order_or_number(batch_tokens: int) -> None:
    model = TableModel.random(0, vocabulary_size=30)
    settings = decode_settings(
        search="sampling", nbest=6, max_length_offset=9, batch_tokens=batch_tokens
    )
    together = find_all([Reader(model, SOURCES)], settings, CPU)
    assert together == find_all([Reader(model, SOURCES)], settings, CPU)
    backwards = find_all([Reader(model, SOURCES[::-1])], settings, CPU)
    alone = [sample(model, *pad_batch([source]), settings)[0] for source in SOURCES]
    assert together == backwards[::-1] == alone
    fewer = settings.model_copy(update={"nbest": 2})
    assert find_all([Reader(model, SOURCES)], fewer, CPU) == [samples[:2] for samples in together]


def test_another_seed_gives_other_samples() -> None:
    model = TableModel.random(0, vocabulary_size=30)
    settings = decode_settings(search="sampling", max_length_offset=9)
    one, same, other = (
        tokens_of(sample(model, *pad_batch(SOURCES), settings.model_copy(update={key: seed})))
        for key, seed in (("sampling_seed", 1), ("sampling_seed", 1), ("sampling_seed", 2))
    )
    assert one == same
    assert sum(first == second for first, second in zip(one, other, strict=True)) < 5


def test_draws_differ_between_sources_and_lie_in_the_interval() -> None:
    one, other = sentence_draws(1, [5, 6], 200, 30), sentence_draws(1, [5, 6, 0], 200, 30)
    assert not np.array_equal(one, other)
    assert np.array_equal(one[:7], sentence_draws(1, [5, 6], 7, 30))
    assert 0 <= one.min() < 0.001
    assert 0.999 < one.max() < 1


def test_a_sample_says_how_probable_the_model_holds_it() -> None:
    model = TableModel.random(1, vocabulary_size=12)
    settings = decode_settings(
        search="sampling", nbest=5, temperature=1.5, top_k=6, max_length_offset=8, min_length=2
    )
    found = sample(model, *pad_batch(SOURCES), settings, keep_attention=True)
    lengths = set()
    for source, samples in zip(SOURCES, found, strict=True):
        assert len(samples) == 5
        for one in samples:
            log_prob = model.log_prob(source, one.tokens)
            assert one.log_prob == pytest.approx(log_prob, abs=1e-4)
            penalty = length_penalty(settings, len(one.tokens))
            assert one.score == pytest.approx(log_prob / penalty, abs=1e-4)
            assert one.attn_weights_TS is not None
            assert one.attn_weights_TS.shape == (len(one.tokens), len(source) + 1)
            lengths.add(len(one.tokens) - 1)
    assert min(lengths) == 2
    assert max(lengths) == 8


def test_a_model_of_no_numbers_gives_no_sample() -> None:
    model = TableModel(torch.full((9973, 9), torch.nan))
    for options in ({}, {"top_k": 3}, {"top_p": 0.5}):
        settings = decode_settings(search="sampling", nbest=2, **options)
        assert sample(model, *pad_batch([[5], [6]]), settings) == [[], []]
