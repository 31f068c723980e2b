import math
from pathlib import Path

import pytest
from sacrebleu.metrics import BLEU, CHRF
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.decoding.mbr import nbest_weights, rank, sample_weights
from attn2seq.decoding.translator import Translator

METRICS = {"chrf": CHRF(), "bleu": BLEU(effective_order=True)}
WORDS = ("Hund", "Katze", "läuft")
SPACE = 1 + 3 + 9 + 27  # texts of up to three of them
SAMPLES = [
    "ein Hund läuft", "der Hund läuft", "der Hund läuft weg", "eine Katze", "der Hund läuft",
    "", "der Mann läuft weg", "der Hund", "eine Katze", "ein Hund läuft weg",
]  # fmt: skip


def by_brute_force(metric: str, weights: list[float]) -> dict[str, float]:
    """Each candidate against each, equal ones counted as often as they stand there."""
    score = METRICS[metric].sentence_score
    return {
        text: sum(p * score(text, [other]).score for other, p in zip(SAMPLES, weights, strict=True))
        for text in SAMPLES
    }


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["samples", "nbest"])
def test_ranks_are_those_of_brute_force(metric: str, kind: str) -> None:
    weights = (
        sample_weights(len(SAMPLES))
        if kind == "samples"
        else nbest_weights([-0.7 * place for place in range(len(SAMPLES))])
    )
    expected = by_brute_force(metric, weights)
    ranked = rank(metric, SAMPLES, weights)
    assert [SAMPLES[one.place] for one in ranked] == sorted(
        expected, key=lambda text: -expected[text]
    )
    for one in ranked:
        assert one.utility == pytest.approx(expected[SAMPLES[one.place]], abs=1e-9)
        assert one.place == SAMPLES.index(SAMPLES[one.place])


def test_the_most_probable_text_is_not_always_the_most_useful() -> None:
    texts = ["eine Katze", "der Hund läuft", "der Hund läuft weg", "der Hund lief"]
    weights = nbest_weights([math.log(p) for p in (0.1, 0.09, 0.08, 0.08)])
    assert [one.place for one in rank("chrf", texts, weights)] == [2, 1, 3, 0]


class Words:
    """A tokenizer for the words of a table."""

    def decode(self, rows: list[list[int]]) -> list[str]:
        return [" ".join(WORDS[token - FIRST_WORD] for token in row[:-1]) for row in rows]

    def pieces(self, row: list[int]) -> list[str]:
        return [str(token) for token in row]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_as_wide_as_the_space_finds_the_text_of_greatest_expected_utility(
    model_folder: Path, metric: str, seed: int
) -> None:
    """The expectation over all texts, each with the model's own probability, by enumeration."""
    settings = decode_settings(
        beam_size=SPACE, nbest=SPACE, max_length_offset=3, mbr=metric, mbr_candidates=SPACE
    )
    translator = Translator(model_folder, settings)
    model = TableModel.random(seed, vocabulary_size=FIRST_WORD + len(WORDS))
    translator.steps, translator.tgt_tokenizer = [model], Words()  # type: ignore[assignment]
    [source] = translator.src_tokenizer.encode(["a cat"])
    every = model.all_hypotheses(source, 0, 3)
    assert len(every) == SPACE
    probabilities = [math.exp(model.log_prob(source, tokens)) for tokens in every]
    texts, whole = Words().decode(every), math.fsum(probabilities)
    score = METRICS[metric].sentence_score
    expected = {
        text: math.fsum(
            p / whole * score(text, [other]).score
            for other, p in zip(texts, probabilities, strict=True)
        )
        for text in texts
    }
    hypotheses = translator.translate(["a cat"])[0].hypotheses
    assert len(hypotheses) == SPACE
    for one in hypotheses:
        assert one.score == pytest.approx(expected[one.text], abs=1e-3)
    assert expected[hypotheses[0].text] == pytest.approx(max(expected.values()), abs=1e-3)
    scores = [one.score for one in hypotheses]
    assert scores == sorted(scores, reverse=True)


def test_of_equal_utilities_the_earlier_comes_first() -> None:
    ranked = rank("chrf", ["ab", "cd", "ef"], sample_weights(3))
    assert [one.place for one in ranked] == [0, 1, 2]
    assert [one.utility for one in ranked] == pytest.approx([100 / 3] * 3)


def test_weights() -> None:
    assert sample_weights(4) == [0.25] * 4
    # Probabilities 0.3 and 0.1 of a list that holds 0.4 of all.
    assert nbest_weights([math.log(0.3), math.log(0.1)]) == pytest.approx([0.75, 0.25])
    # Far below the smallest float32, too.
    assert nbest_weights([-2000.0, -2000.0 + math.log(3)]) == pytest.approx([0.25, 0.75])
