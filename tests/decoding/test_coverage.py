"""The coverage penalty, held to the equation and to an enumeration of a small space."""

import math

import pytest
import torch
from table_model import FIRST_WORD, AttendingModel, BlindModel, TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.ranking import LEAST_COVERAGE, coverage_scores, length_penalty, source_words
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError

SOURCES = [[word] * (1 + word % 3) for word in range(FIRST_WORD, 34)]
SPACE = 121  # hypotheses of up to 4 of 3 words


def expected_score(
    model: AttendingModel, source: list[int], tokens: list[int], settings: DecodeSettings
) -> float:
    """Eq. 14 of Wu et al. 2016, word by word."""
    logs = [math.log(min(total, 1.0)) for total in model.coverage(source, tokens)]
    normalised = model.log_prob(source, tokens) / length_penalty(settings, len(tokens))
    return normalised + settings.coverage_penalty * sum(logs)


def test_the_example() -> None:
    coverage = torch.tensor([[[0.5, 2.0, 0.1]]])
    words = source_words(torch.tensor([3]), 3, torch.device("cpu"))
    assert words.tolist() == [[True, True, False]]
    assert coverage_scores(coverage, words, 0.2).item() == pytest.approx(0.2 * math.log(0.5))


def test_a_word_without_any_attention_costs_much_but_not_all() -> None:
    words = torch.ones(1, 2, dtype=torch.bool)
    score = coverage_scores(torch.tensor([[[0.0, 1.0]]]), words, 0.5).item()
    assert score == pytest.approx(0.5 * math.log(LEAST_COVERAGE), rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weight", [0.1, 1.0, 8.0])
@pytest.mark.parametrize("kind", ["none", "wu"])
def test_a_beam_as_wide_as_the_space_is_exhaustive_search(
    seed: int, weight: float, kind: str
) -> None:
    model = AttendingModel.attending(seed, vocabulary_size=FIRST_WORD + 3)
    settings = decode_settings(
        beam_size=SPACE, nbest=7, length_normalisation=kind, coverage_penalty=weight
    )
    sources = SOURCES[:6]
    found = beam_search(model, *pad_batch(sources), settings)
    for source, hypotheses in zip(sources, found, strict=True):
        ranked = sorted(
            (-expected_score(model, source, tokens, settings), tokens)
            for tokens in model.all_hypotheses(source, 0, 4)
        )[:7]
        assert [hypothesis.tokens for hypothesis in hypotheses] == [tokens for _, tokens in ranked]
        for hypothesis, (score, tokens) in zip(hypotheses, ranked, strict=True):
            assert hypothesis.score == pytest.approx(-score, abs=1e-4)
            assert hypothesis.log_prob == pytest.approx(model.log_prob(source, tokens), abs=1e-5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weight", [0.2, 3.0])
@pytest.mark.parametrize("kind", ["none", "average", "wu"])
def test_the_early_stop_changes_nothing(seed: int, weight: float, kind: str) -> None:
    settings = decode_settings(
        beam_size=5,
        nbest=2,
        length_normalisation=kind,
        max_length_offset=20,
        coverage_penalty=weight,
    )
    results = []
    rows_read = []
    for early_stop in (True, False):
        model = AttendingModel.attending(seed, vocabulary_size=12)
        results.append(beam_search(model, *pad_batch(SOURCES), settings, _early_stop=early_stop))
        rows_read.append(model.rows_read)
    assert results[0] == results[1]
    if kind == "none":
        assert rows_read[0] < rows_read[1]


@pytest.mark.parametrize("seed", range(3))
def test_batch_order_and_padding_change_nothing(seed: int) -> None:
    model = AttendingModel.attending(seed, vocabulary_size=30)
    settings = decode_settings(
        beam_size=4, nbest=3, max_length_factor=3.0, max_length_offset=2, coverage_penalty=0.5
    )
    together = beam_search(model, *pad_batch(SOURCES), settings)
    backwards = beam_search(model, *pad_batch(SOURCES[::-1]), settings)
    alone = [beam_search(model, *pad_batch([source]), settings)[0] for source in SOURCES]
    for one, other, third in zip(together, backwards[::-1], alone, strict=True):
        assert [found.tokens for found in one] == [found.tokens for found in other]
        assert [found.tokens for found in one] == [found.tokens for found in third]


def test_it_prefers_the_hypothesis_that_reads_the_whole_source() -> None:
    model = AttendingModel.attending(0, vocabulary_size=12)
    uncovered: dict[float, float] = {}
    for weight in (0.0, 5.0):
        settings = decode_settings(beam_size=8, max_length_offset=8, coverage_penalty=weight)
        found = beam_search(model, *pad_batch(SOURCES), settings)
        uncovered[weight] = sum(
            max(1 - total, 0.0)
            for source, [best] in zip(SOURCES, found, strict=True)
            for total in model.coverage(source, best.tokens)
        )
    assert uncovered[5.0] < uncovered[0.0] / 2


def test_a_model_without_attention_is_refused() -> None:
    table = TableModel.random(0, vocabulary_size=9).table
    model = BlindModel(table)
    assert beam_search(model, *pad_batch([[5]]), decode_settings())
    with pytest.raises(UserError, match=r"coverage_penalty .* this model has no attention"):
        beam_search(model, *pad_batch([[5]]), decode_settings(coverage_penalty=0.2))
