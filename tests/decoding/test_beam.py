"""The searches are held to enumerations of small spaces, and to each other."""

from typing import Any

import numpy as np
import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.ranking import length_penalty
from attn2seq.decoding.search import Found
from attn2seq.tokenization.tokenizer import EOS_ID

SOURCES = [[word] * (1 + word % 3) for word in range(FIRST_WORD, 34)]
KINDS = ["none", "average", "wu"]
SPACE = 121  # hypotheses of up to 4 of 3 words: 1 + 3 + 9 + 27 + 81


def tokens_of(found: list[list[Found]]) -> list[list[list[int]]]:
    return [[hypothesis.tokens for hypothesis in hypotheses] for hypotheses in found]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("min_length", [0, 2])
def test_a_beam_as_wide_as_the_space_is_exhaustive_search(
    seed: int, kind: str, min_length: int
) -> None:
    model = TableModel.random(seed, vocabulary_size=FIRST_WORD + 3)
    settings = decode_settings(
        beam_size=SPACE, nbest=7, length_normalisation=kind, min_length=min_length
    )
    sources = SOURCES[:5]
    found = beam_search(model, *pad_batch(sources), settings)
    for source, hypotheses in zip(sources, found, strict=True):
        ranked = sorted(
            (-model.log_prob(source, tokens) / length_penalty(settings, len(tokens)), tokens)
            for tokens in model.all_hypotheses(source, min_length, 4)
        )[:7]
        assert [hypothesis.tokens for hypothesis in hypotheses] == [tokens for _, tokens in ranked]
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == pytest.approx([-score for score, _ in ranked], abs=1e-5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [0.3, 2.0])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_beam_of_one_is_greedy_search(seed: int, spread: float, tied: bool, kind: str) -> None:
    model = TableModel.random(seed, vocabulary_size=90, spread=spread)
    if tied:  # as in bfloat16: many tokens of the same probability
        model.table = model.table.mul(2).round().div(2)
    settings = decode_settings(
        beam_size=1, length_normalisation=kind, max_length_factor=2.0, max_length_offset=7
    )
    batch = pad_batch(SOURCES)
    # Exactly: tokens, sums and weights.
    beam = beam_search(model, *batch, settings, keep_attention=True)
    greedy = greedy_search(model, *batch, settings, keep_attention=True)
    for [one], [other] in zip(beam, greedy, strict=True):
        assert (one.tokens, one.log_prob, one.score) == (other.tokens, other.log_prob, other.score)
        assert one.attn_weights_TS is not None
        assert other.attn_weights_TS is not None
        assert np.array_equal(one.attn_weights_TS, other.attn_weights_TS)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", KINDS)
def test_the_early_stop_changes_nothing_and_saves_steps(seed: int, kind: str) -> None:
    settings = decode_settings(
        beam_size=5, nbest=2, length_normalisation=kind, max_length_offset=20
    )
    results = []
    rows_read = []
    for early_stop in (True, False):
        model = TableModel.random(seed, vocabulary_size=12)
        results.append(beam_search(model, *pad_batch(SOURCES), settings, _early_stop=early_stop))
        rows_read.append(model.rows_read)
    assert results[0] == results[1]
    if kind != "average":  # its bound, a mean over the longest length, is seldom reached
        assert rows_read[0] < rows_read[1]


@pytest.mark.parametrize("seed", range(4))
def test_batch_order_and_padding_change_nothing(seed: int) -> None:
    model = TableModel.random(seed, vocabulary_size=80)
    settings = decode_settings(beam_size=4, nbest=3, max_length_factor=3.0, max_length_offset=2)
    together = beam_search(model, *pad_batch(SOURCES), settings)
    backwards = beam_search(model, *pad_batch(SOURCES[::-1]), settings)
    alone = [beam_search(model, *pad_batch([source]), settings)[0] for source in SOURCES]
    assert together == backwards[::-1] == alone


@pytest.mark.parametrize("seed", range(4))
def test_sentences_that_stay_after_their_end_change_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TableModel.random(seed, vocabulary_size=20)
    settings = decode_settings(beam_size=3, nbest=3, max_length_offset=12)
    batch = pad_batch(SOURCES)
    expected = beam_search(model, *batch, settings), greedy_search(model, *batch, settings)

    def rarely(alive: torch.Tensor, step: int) -> torch.Tensor | None:
        return None if step % 5 else alive.nonzero().squeeze(1)

    monkeypatch.setattr("attn2seq.decoding.beam.staying", rarely)
    monkeypatch.setattr("attn2seq.decoding.greedy.staying", rarely)
    assert (beam_search(model, *batch, settings), greedy_search(model, *batch, settings)) == (
        expected
    )


@pytest.mark.parametrize("kind", KINDS)
def test_nbest_is_sorted_distinct_and_adds_up(kind: str) -> None:
    model = TableModel.random(3, vocabulary_size=10)
    settings = decode_settings(beam_size=6, nbest=6, length_normalisation=kind, max_length_offset=8)
    for source, hypotheses in zip(
        SOURCES, beam_search(model, *pad_batch(SOURCES), settings), strict=True
    ):
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert len(hypotheses) == 6
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(hypothesis.tokens) for hypothesis in hypotheses}) == 6
        for found in hypotheses:
            assert found.log_prob == pytest.approx(model.log_prob(source, found.tokens), abs=1e-5)
            penalty = length_penalty(settings, len(found.tokens))
            assert found.score == pytest.approx(found.log_prob / penalty, rel=1e-6)


@pytest.mark.parametrize(("shortest", "longest"), [(0, 3), (3, 6), (5, 5), (0, 0)])
def test_length_limits(shortest: int, longest: int) -> None:
    model = TableModel.random(1, vocabulary_size=12)
    limits: dict[str, Any] = {"min_length": shortest, "max_length_offset": longest}
    lengths = set()
    for beam_size in (1, 4):
        settings = decode_settings(beam_size=beam_size, nbest=beam_size, **limits)
        for hypotheses in beam_search(model, *pad_batch(SOURCES), settings):
            assert all(hypothesis.tokens[-1] == EOS_ID for hypothesis in hypotheses)
            assert all(EOS_ID not in hypothesis.tokens[:-1] for hypothesis in hypotheses)
            lengths |= {len(hypothesis.tokens) - 1 for hypothesis in hypotheses}
    assert min(lengths) == shortest
    assert max(lengths) == longest


def test_the_limit_follows_each_source() -> None:
    model = TableModel.random(1, vocabulary_size=30)
    model.table[:, EOS_ID] = -50.0
    settings = decode_settings(max_length_factor=2.0, max_length_offset=1)
    found = beam_search(model, *pad_batch([[5], [6, 6, 6], [7, 7]]), settings)
    assert [len(hypotheses[0].tokens) - 1 for hypotheses in found] == [3, 7, 5]


def test_attention_is_that_of_the_steps_that_made_the_hypothesis() -> None:
    model = TableModel.random(2, vocabulary_size=12)
    settings = decode_settings(beam_size=5, nbest=5, max_length_offset=9)
    found = beam_search(model, *pad_batch(SOURCES), settings, keep_attention=True)
    width = max(map(len, SOURCES)) + 1
    for source, hypotheses in zip(SOURCES, found, strict=True):
        for hypothesis in hypotheses:
            expected = np.zeros((len(hypothesis.tokens), width), dtype=np.float32)
            for step, row in enumerate(model.walk(source, hypothesis.tokens)):
                expected[step, step % width] = row + 1
            assert hypothesis.attn_weights_TS is not None
            assert np.array_equal(hypothesis.attn_weights_TS, expected[:, : len(source) + 1])


def test_a_wider_beam_finds_what_greedy_search_misses() -> None:
    # p(4) = 0.6, but then every ending is improbable; p(5 eos) = 0.4 * 1.
    model = TableModel(torch.full((9973, 6), -20.0))
    first = model.walk([7], [EOS_ID])[0]
    model.table[first, 4], model.table[first, 5] = np.log(0.6), np.log(0.4)
    model.table[model.walk([7], [4, EOS_ID])[1], [EOS_ID, 4, 5]] = float(np.log(0.3))
    model.table[model.walk([7], [5, EOS_ID])[1], EOS_ID] = 0.0
    settings = decode_settings(length_normalisation="none", beam_size=2)
    [[best]] = beam_search(model, *pad_batch([[7]]), settings)
    [[greedy]] = greedy_search(model, *pad_batch([[7]]), settings)
    assert best.tokens == [5, EOS_ID]
    assert best.log_prob == pytest.approx(np.log(0.4))
    assert greedy.tokens[0] == 4


def test_improbable_endings_do_not_crowd_out_the_probable_hypothesis() -> None:
    # Each word is sure but for a little, and of six continuations eos is always among the five
    # best: five hypotheses have ended by the fifth step, none of them the one of twelve words.
    words = [4, 5, 6, 4, 4, 5, 6, 5, 4, 6, 6, 4]
    model = TableModel(torch.full((9973, 7), float(np.log(0.002))))
    for row, word in zip(model.walk([7], [*words, EOS_ID]), [*words, EOS_ID], strict=True):
        model.table[row, word] = float(np.log(0.99))
    for kind in ("none", "wu"):
        settings = decode_settings(beam_size=5, length_normalisation=kind, max_length_offset=20)
        [[best]] = beam_search(model, *pad_batch([[7]]), settings)
        assert best.tokens == [*words, EOS_ID]


def test_a_model_of_no_numbers_gives_no_hypothesis() -> None:
    model = TableModel(torch.full((9973, 9), torch.nan))
    assert beam_search(model, *pad_batch([[5], [6]]), decode_settings()) == [[], []]
