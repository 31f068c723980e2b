"""Word and character error rates, against the edit distance written out."""

import random

import numpy as np
import pytest

from attn2seq.evaluation.recognition import by_speaker, error_measure


def edits(reference: list[str], hypothesis: list[str]) -> int:
    """The fewest substitutions, deletions and insertions: Levenshtein's table."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, start=1):
        before, row[0] = row[0], i
        for j, found in enumerate(hypothesis, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (wanted != found))
    return row[-1]


def test_errors_are_the_edit_distance() -> None:
    draw = random.Random(1)
    pairs = [
        tuple(" ".join(draw.choices("abc", k=draw.randint(low, 6))) for low in (1, 0))
        for _ in range(200)
    ]
    references, hypotheses = ([pair[side] for pair in pairs] for side in (0, 1))
    words = error_measure(hypotheses, [[text] for text in references], "words")
    characters = error_measure(hypotheses, [[text] for text in references], "characters")
    for place, (wanted, found) in enumerate(pairs):
        split = wanted.split(), found.split()
        assert words.sums[place].tolist() == [edits(*split), len(split[0])]
        assert characters.sums[place].tolist() == [edits(list(wanted), list(found)), len(wanted)]


def test_errors_are_summed_before_they_are_divided() -> None:
    measure = error_measure(["a x c", "d e"], [["a b c"], ["d"]], "words")
    assert measure.score() == pytest.approx(50)  # 2 of 4, not the mean of 33 and 100
    assert error_measure(["x y z"], [["a"]], "words").score() == pytest.approx(300)
    assert "jiwer:" in measure.signature


def test_of_several_references_the_nearest_counts() -> None:
    assert error_measure(["a c"], [["a b", "a c d"]], "words").sums.tolist() == [[1, 2]]
    assert error_measure(["a b"], [["x y", "a b"]], "words").score() == 0


def test_white_space_is_no_error() -> None:
    assert error_measure(["a  b "], [["a b"]], "characters").score() == 0


def test_scores_of_each_speaker_the_best_first() -> None:
    measure = error_measure(["a x", "c", "d"], [["a b"], ["c"], ["d"]], "words")
    rows = by_speaker(["bo/1", "anna/1", "bo/2"], {"wer": measure})
    assert rows == [
        {"speaker": "anna", "sentences": 1, "wer": 0.0, "wer_of_others": 33.3333},
        {"speaker": "bo", "sentences": 2, "wer": 33.3333, "wer_of_others": 0.0},
    ]
    assert by_speaker(["1", "2", "3"], {"wer": measure}) == []


def test_an_interval_holds_the_score() -> None:
    generator = np.random.default_rng(2)
    hypotheses = [" ".join(generator.choice(["a", "b"], 4)) for _ in range(60)]
    measure = error_measure(hypotheses, [["a b a b"]] * 60, "words")
    low, high = measure.interval(200, 1)
    assert low < measure.score() < high
