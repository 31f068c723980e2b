from collections import Counter
from collections.abc import Callable

import pytest

from attn2seq.evaluation.analysis import analyse, count_words, lead_scores, repeats, variety
from attn2seq.evaluation.scores import score_split
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.texts import CorpusFacts, SplitTexts

MakeSplit = Callable[..., SplitTexts]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("the the dog", True),
        ("a dog and a dog", False),
        ("the dog, the dog", True),
        ("a b c d a b c d", True),
        ("a b c d e a b c d e", False),
        ("", False),
    ],
)
def test_repetition_is_side_by_side(text: str, answer: bool) -> None:
    assert repeats(text) is answer


def test_counts_words() -> None:
    assert count_words(["a b, a", "b c"]) == Counter({"a": 2, "b": 2, "c": 1})


def test_buckets_copies_and_repetitions(make_split: MakeSplit) -> None:
    split = make_split(
        hypotheses=["Ada hat 7 Hunde", "Bob Bob ist da"],
        references=[["Ada hat 7 Hunde"], ["Bo ist da"]],
        sources=["Ada has 7 dogs", "Bo is here"],
    )
    settings = EvaluateSettings(bootstrap_samples=100, seed=1)
    measures = score_split(split, CorpusFacts("en", "13a", ()), settings).measures
    counts = Counter({"Ada": 3, "has": 9, "7": 30, "dogs": 9, "is": 50, "here": 50})
    found = analyse(split, measures, counts)
    short, longer = found["by_length"]
    assert (short["low"], short["high"], short["sentences"]) == (0, 3, 1)
    assert (longer["low"], longer["high"], longer["sentences"]) == (4, 6, 1)
    assert longer["bleu"] == pytest.approx(100.0)
    unseen, rare = found["by_rarest_word"]
    # "Bo" is not in train; the rarest word of the first sentence is "Ada", seen three times.
    assert (unseen["low"], unseen["high"], unseen["exact_match"]) == (0, 0, 0.0)
    assert (rare["low"], rare["high"], rare["exact_match"]) == (1, 4, 100.0)
    assert found["copies"] == {"in_reference": 3, "in_hypothesis": 2}
    assert found["repetition"] == {"hypotheses": 50.0, "references": 0.0}


def test_variety_by_hand() -> None:
    assert variety(["Yes, yes.", "No", "yes yes", "No"]) == {
        "distinct_1": pytest.approx(100 * 2 / 6, abs=1e-4),
        "distinct_2": 50.0,  # "yes yes" twice
        "most_frequent": {"text": "No", "share": 50.0},
        "mean_words": 1.5,
    }
    assert variety([""])["distinct_2"] == 0.0


def test_the_lead_is_as_long_as_the_mean_reference(make_split: MakeSplit) -> None:
    split = make_split(
        hypotheses=["x", "x"],
        references=[["a b", "a c e f"], ["u v w"]],
        sources=["a b c d e", "w v u"],
    )
    found = lead_scores(split)
    assert found["words"] == 3
    # "a b c" shares 2 of its 3 words with "a b" and 2 with the 4 of "a c e f".
    first = [2 * 2 / (3 + 2), 2 * 2 / (3 + 4)]
    assert found["best"]["rouge1"] == pytest.approx(50 * (max(first) + 1), abs=1e-3)
    assert found["mean"]["rouge1"] == pytest.approx(50 * (sum(first) / 2 + 1), abs=1e-3)
    assert found["mean"]["rouge2"] < found["best"]["rouge2"] < 100
