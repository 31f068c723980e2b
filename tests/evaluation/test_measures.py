import numpy as np
import sacrebleu

from attn2seq.evaluation.measures import Measure, mean_measure
from attn2seq.evaluation.surface import surface_measures

EDITS = Measure(
    np.array([[0.0, 4.0], [1.0, 5.0], [2.0, 1.0]]), lambda s: float(100 * s[0] / s[1]), "edits"
)


def test_sums_are_divided_once() -> None:
    # 3 edits in 10 words; the mean of the sentences' own rates would be (0 + 20 + 200) / 3.
    assert EDITS.score() == 30.0
    assert EDITS.score(np.array([True, True, False])) == 100 / 9
    assert EDITS.score(np.array([2, 2])) == 200.0


def test_interval_holds_the_score_and_repeats() -> None:
    values = np.random.default_rng(1).random(200)
    measure = mean_measure(values, "any")
    low, high = measure.interval(500, seed=7)
    assert low < measure.score() < high
    assert (low, high) == measure.interval(500, seed=7)
    assert (low, high) != measure.interval(500, seed=8)
    # Half the width of a mean's interval is about 1.96 standard errors.
    expected = 1.96 * 100 * values.std() / np.sqrt(200)
    assert abs((high - low) / 2 - expected) < 0.2 * expected


def test_interval_is_sacrebleus_own() -> None:
    words = np.array(["a", "b", "c", "d", "e", "f", "g"])
    generator = np.random.default_rng(3)
    references = [" ".join(generator.choice(words, 8)) for _ in range(60)]
    hypotheses = [
        text if place % 3 else " ".join(generator.choice(words, 8))
        for place, text in enumerate(references)
    ]
    theirs = sacrebleu.BLEU().corpus_score(hypotheses, [references], n_bootstrap=400)
    texts = [[text] for text in references]
    ours = surface_measures(hypotheses, texts, "13a", samples=400, seed=12345)["bleu"]
    low, high = ours.interval(400, 12345)
    assert abs(ours.score() - theirs.score) < 1e-9
    # sacreBLEU adds its counts in float32.
    assert abs((high - low) / 2 - theirs._ci) < 1e-3
