import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from attn2seq.decoding.mbr import utilities

# sacreBLEU itself is the reference.
METRICS = {"chrf": CHRF(), "bleu": BLEU(effective_order=True)}
ODD_TEXTS = [
    *("", " ", "a", "aa", "a a a a a a", "a b", "b a"),
    *(
        "Das ist, ja, gut.",
        "Das ist  ja gut .",
        "3.5 % (nein!)",
        "她读书。",
        "她 读 书",
        "é e\u0301",
    ),
]


def drawn_texts(seed: int) -> list[str]:
    """Of few words, so that texts have n-grams of every order in common."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(["der", "die", "Hund", "-", "läuft."], k=n)) for n in range(14)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("texts", [ODD_TEXTS, drawn_texts(1), drawn_texts(2), ["one"]])
def test_utilities_are_the_sentence_scores_of_sacrebleu(metric: str, texts: list[str]) -> None:
    expected = [
        [METRICS[metric].sentence_score(text, [reference]).score for reference in texts]
        for text in texts
    ]
    np.testing.assert_allclose(utilities(metric, texts), expected, rtol=0, atol=1e-9)
