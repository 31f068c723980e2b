from collections import Counter
from collections.abc import Callable

import pytest

from attn2seq.evaluation.analysis import analyse, count_words, repeats
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
