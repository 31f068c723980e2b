"""Blocked n-grams are held to enumerations, the repetition penalty to its formula."""

import itertools
from collections.abc import Sequence

import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.greedy import greedy_search
from attn2seq.decoding.ranking import length_penalty
from attn2seq.decoding.repetition import block_repeated_ngrams_, penalise_said
from attn2seq.decoding.sampling import sample

SOURCES = [[word] * (1 + word % 3) for word in range(FIRST_WORD, 24)]
SPACE = 121  # hypotheses of up to 4 of 3 words


def repeats(pieces: Sequence[int], size: int) -> bool:
    ngrams = [tuple(pieces[i : i + size]) for i in range(len(pieces) - size + 1)]
    return len(set(ngrams)) < len(ngrams)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("said", range(8))
def test_what_would_repeat_is_blocked_and_nothing_else(size: int, said: int) -> None:
    generator = torch.Generator().manual_seed(10 * size + said)
    said_NP = torch.randint(0, 3, (40, said), generator=generator)
    # Only rows that have not repeated anything yet occur in a search.
    said_NP = said_NP[[not repeats(row, size) for row in said_NP.tolist()]]
    log_probs_NV = torch.randn(len(said_NP), 5, generator=generator)
    expected = log_probs_NV.clone()
    for row, pieces in enumerate(said_NP.tolist()):
        for piece in range(5):
            if repeats([*pieces, piece], size):
                expected[row, piece] = -torch.inf
    block_repeated_ngrams_(log_probs_NV, said_NP, size)
    assert torch.equal(log_probs_NV, expected)


def test_rows_that_are_not_free_stay_as_they_are() -> None:
    log_probs_NV = torch.zeros(2, 3)
    block_repeated_ngrams_(log_probs_NV, torch.tensor([[1], [1]]), 1, torch.tensor([False, True]))
    assert log_probs_NV.tolist() == [[0, 0, 0], [0, -torch.inf, 0]]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_is_exhaustive_search_without_repetitions(size: int, seed: int) -> None:
    model = TableModel.random(seed, vocabulary_size=FIRST_WORD + 3)
    settings = decode_settings(beam_size=SPACE, nbest=7, no_repeat_ngram_size=size)
    found = beam_search(model, *pad_batch(SOURCES[:5]), settings)
    for source, hypotheses in zip(SOURCES, found, strict=False):
        allowed = [
            tokens
            for tokens in model.all_hypotheses(source, 0, 4)
            if not repeats(tokens[:-1], size)
        ]
        ranked = sorted(
            allowed,
            key=lambda tokens: (
                -model.log_prob(source, tokens) / length_penalty(settings, len(tokens))
            ),
        )
        assert [hypothesis.tokens for hypothesis in hypotheses] == ranked[:7]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_beam_of_one_is_greedy_search(size: int) -> None:
    model = TableModel.random(0, vocabulary_size=9)
    settings = decode_settings(beam_size=1, max_length_offset=20, no_repeat_ngram_size=size)
    free = settings.model_copy(update={"no_repeat_ngram_size": 0})
    batch = pad_batch(SOURCES)
    beam, greedy = (find(model, *batch, settings) for find in (beam_search, greedy_search))
    assert [one.tokens for [one] in beam] == [one.tokens for [one] in greedy]
    assert not any(repeats(one.tokens[:-1], size) for [one] in greedy)
    assert any(repeats(one.tokens[:-1], size) for [one] in greedy_search(model, *batch, free))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_prefix_may_repeat_itself(beam_size: int) -> None:
    model = TableModel.random(0, vocabulary_size=9)
    settings = decode_settings(beam_size=beam_size, max_length_offset=9, no_repeat_ngram_size=1)
    find = greedy_search if beam_size == 1 else beam_search
    found = find(model, *pad_batch(SOURCES[:3]), settings, prefixes=[[5, 5], [], [6, 7, 6]])
    for [one, *_], prefix in zip(found, [[5, 5], [], [6, 7, 6]], strict=True):
        assert one.tokens[: len(prefix)] == prefix
        rest = one.tokens[len(prefix) : -1]
        assert not repeats(rest, 1)
        assert not set(rest) & set(prefix)


def test_the_penalty_multiplies_what_was_said() -> None:
    log_probs_NV = torch.tensor([[-1.0, -2.0, -4.0], [-1.0, -2.0, -torch.inf]])
    penalised = penalise_said(log_probs_NV, torch.tensor([[1, 1], [0, 2]]), 1.5)
    assert penalised.tolist() == [[-1.0, -3.0, -4.0], [-1.5, -2.0, -torch.inf]]
    assert log_probs_NV[0, 1] == -2.0
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    assert torch.equal(penalise_said(log_probs_NV, nothing, 1.5), log_probs_NV)


def test_samples_are_drawn_under_penalty_and_block() -> None:
    model = TableModel.random(0, vocabulary_size=9)
    batch = pad_batch(SOURCES)

    def drawn(**options: float) -> list[list[int]]:
        settings = decode_settings(search="sampling", nbest=8, max_length_offset=12, **options)
        found = list(itertools.chain.from_iterable(sample(model, *batch, settings)))
        for place, one in enumerate(found):
            source = SOURCES[place // 8]
            assert one.log_prob == pytest.approx(model.log_prob(source, one.tokens), abs=1e-4)
        return [one.tokens[:-1] for one in found]

    def repeated(texts: list[list[int]]) -> float:
        return sum(len(text) - len(set(text)) for text in texts) / sum(map(len, texts))

    plain, penalised = drawn(), drawn(repetition_penalty=1.5)
    assert repeated(penalised) < 0.8 * repeated(plain)
    assert drawn(repetition_penalty=1.0) == plain
    assert repeated(drawn(no_repeat_ngram_size=1)) == 0
    # A piece as improbable as that is never drawn again, as if it were blocked.
    assert repeated(drawn(repetition_penalty=100.0)) < 0.01
