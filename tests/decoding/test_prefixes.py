"""Hypotheses with forced beginnings, held to enumerations of the hypotheses that begin so."""

from typing import Any

import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.ranking import length_penalty
from attn2seq.decoding.sampling import sample
from attn2seq.decoding.search import force_, prefix_batch
from attn2seq.tokenization.tokenizer import EOS_ID, PAD_ID

SOURCES = [[word] * (1 + word % 3) for word in range(FIRST_WORD, 24)]
WORDS = [FIRST_WORD, FIRST_WORD + 1, FIRST_WORD + 2]
# None, short ones, one as long as the limit of 4, one beyond it.
PREFIXES = [[], [5], [6, 4], [4, 4, 5, 6], [5, 6, 4, 4, 6, 5]]


def test_prefixes_are_padded() -> None:
    prefixes_BP, lengths_B = prefix_batch([[7], [], [8, 9]])
    assert prefixes_BP.tolist() == [[7, PAD_ID], [PAD_ID, PAD_ID], [8, 9]]
    assert lengths_B.tolist() == [1, 0, 2]


def test_only_the_forced_token_is_left() -> None:
    log_probs = torch.arange(12.0).view(2, 6).neg()
    force_(log_probs, torch.tensor([4, PAD_ID]))
    inf = torch.inf
    assert log_probs.tolist() == [
        [-inf, -inf, -inf, -inf, -4.0, -inf],
        [-6.0, -7.0, -8.0, -9.0, -10.0, -11.0],
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["none", "average", "wu"])
@pytest.mark.parametrize("min_length", [0, 3])
def test_a_beam_as_wide_as_the_space_is_search_among_those_that_begin_so(
    seed: int, kind: str, min_length: int
) -> None:
    model = TableModel.random(seed, vocabulary_size=FIRST_WORD + len(WORDS))
    settings = decode_settings(
        beam_size=130, nbest=5, length_normalisation=kind, min_length=min_length
    )
    sources = SOURCES[: len(PREFIXES)]
    found = beam_search(model, *pad_batch(sources), settings, prefixes=PREFIXES)
    for source, prefix, hypotheses in zip(sources, PREFIXES, found, strict=True):
        # A prefix beyond the limit lifts it: nothing but the end may follow.
        space = [
            [*prefix, *rest]
            for rest in model.all_hypotheses(
                source, max(min_length - len(prefix), 0), max(4 - len(prefix), 0)
            )
        ]
        ranked = sorted(
            (-model.log_prob(source, tokens) / length_penalty(settings, len(tokens)), tokens)
            for tokens in space
        )[:5]
        assert [hypothesis.tokens for hypothesis in hypotheses] == [tokens for _, tokens in ranked]
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == pytest.approx([-score for score, _ in ranked], abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_beam_of_one_is_greedy_search(seed: int) -> None:
    model = TableModel.random(seed, vocabulary_size=30)
    settings = decode_settings(beam_size=1, max_length_offset=7)
    prefixes = [[4 + word % 9] * (word % 5) for word in range(len(SOURCES))]
    batch = pad_batch(SOURCES)
    greedy = greedy_search(model, *batch, settings, prefixes=prefixes)
    assert beam_search(model, *batch, settings, prefixes=prefixes) == greedy
    for prefix, [hypothesis] in zip(prefixes, greedy, strict=True):
        assert hypothesis.tokens[: len(prefix)] == prefix
        assert hypothesis.tokens[-1] == EOS_ID


@pytest.mark.parametrize("search", [beam_search, greedy_search, sample])
def test_empty_prefixes_are_none(search: Any) -> None:
    model = TableModel.random(0, vocabulary_size=30)
    settings = decode_settings(nbest=3)
    batch = pad_batch(SOURCES)
    assert search(model, *batch, settings, prefixes=[[]] * len(SOURCES)) == search(
        model, *batch, settings
    )


@pytest.mark.parametrize("beam_size", [1, 4])
def test_the_early_stop_changes_nothing(beam_size: int) -> None:
    settings = decode_settings(beam_size=beam_size, nbest=beam_size, max_length_offset=12)
    model = TableModel.random(1, vocabulary_size=12)
    prefixes = [[4 + word % 7] * (word % 6) for word in range(len(SOURCES))]
    stopped, whole = (
        beam_search(model, *pad_batch(SOURCES), settings, prefixes=prefixes, _early_stop=early_stop)
        for early_stop in (True, False)
    )
    assert stopped == whole


def test_samples_go_on_from_the_prefix() -> None:
    model = TableModel.random(2, vocabulary_size=12)
    settings = decode_settings(search="sampling", nbest=20, max_length_offset=6)
    prefixes = [[4 + word % 7] * (word % 4) for word in range(len(SOURCES))]
    found = sample(model, *pad_batch(SOURCES), settings, prefixes=prefixes)
    for source, prefix, samples in zip(SOURCES, prefixes, found, strict=True):
        assert len(samples) == 20
        for one in samples:
            assert one.tokens[: len(prefix)] == prefix
            assert one.log_prob == pytest.approx(model.log_prob(source, one.tokens), abs=1e-4)
        assert len({tuple(one.tokens) for one in samples}) > 1


def test_forced_pieces_are_read_by_the_model_like_its_own() -> None:
    # The best way on from a prefix that greedy search itself found is what it found.
    model = TableModel.random(3, vocabulary_size=25)
    settings = decode_settings(max_length_offset=10)
    free = greedy_search(model, *pad_batch(SOURCES), settings)
    prefixes = [hypothesis.tokens[:-1][:3] for [hypothesis] in free]
    assert greedy_search(model, *pad_batch(SOURCES), settings, prefixes=prefixes) == free
    with_eos = [hypothesis.tokens for [hypothesis] in free]
    assert any(len(tokens) > 4 for tokens in with_eos)
