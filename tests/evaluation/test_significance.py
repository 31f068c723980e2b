import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from sacrebleu.significance import PairedTest

from attn2seq.errors import UserError
from attn2seq.evaluation import significance
from attn2seq.evaluation.measures import Measure, mean_measure
from attn2seq.evaluation.significance import bootstrap_p, randomisation_p
from attn2seq.evaluation.surface import reference_streams, sacrebleu_metrics, surface_measures

REFERENCES = [
    [" ".join(np.random.default_rng(line).choice(list("abcdefgh"), 9))] for line in range(80)
]
GOOD = [texts[0] for texts in REFERENCES]
POOR = [" ".join(text.split()[:5] + ["x"] * 4) for text in GOOD]
MIXED = [(GOOD, POOR)[line % 2][line] for line in range(80)]
SWAPPED = [(POOR, GOOD)[line % 2][line] for line in range(80)]
CLOSE = [(GOOD, POOR)[line % 3 == 1][line] for line in range(80)]
SHORTER = [" ".join(text.split()[: 5 + line % 4]) for line, text in enumerate(GOOD)]
UNEVEN = [text[: 8 + (5 * line) % 11] for line, text in enumerate(GOOD)]

Test = Callable[[Measure, Measure, int, int], float]
TESTS = pytest.mark.parametrize("test", [bootstrap_p, randomisation_p])


def measures(hypotheses: Sequence[str]) -> dict[str, Measure]:
    return surface_measures(hypotheses, REFERENCES, "13a", 300, 12345)


@pytest.mark.parametrize("system", [GOOD, SHORTER, UNEVEN])
def test_p_values_are_those_of_sacrebleu(
    system: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    baseline, compared = measures(MIXED), measures(system)
    metrics = sacrebleu_metrics("13a")
    systems = [("baseline", MIXED), ("system", system)]
    for kind in ("bs", "ar"):
        _, results = PairedTest(
            systems, metrics, reference_streams(REFERENCES), test_type=kind, n_samples=300
        )()
        names = [name for name in results if name != "System"]
        for ours, theirs in zip(metrics, names, strict=True):
            first, second = results[theirs]
            scores = baseline[ours].score(), compared[ours].score()
            assert scores == pytest.approx((first.score, second.score))
            test = bootstrap_p if kind == "bs" else randomisation_p
            p_value = test(baseline[ours], compared[ours], 300, 7)
            if ours == "ter":
                # It has few values, and samples that differ by just as much count here alone.
                assert p_value >= second.p_value
            else:
                assert p_value == pytest.approx(second.p_value), (ours, kind)


@pytest.mark.parametrize("gained", [1, 5, 7])
def test_randomisation_of_exact_match_is_the_exact_sign_test(gained: int) -> None:
    """Of eight sentences that one system alone has right, `gained` are the second system's."""
    first = np.array([0.0] * gained + [1.0] * (8 - gained) + [1.0] * 30)
    second = np.array([1.0] * gained + [0.0] * (8 - gained) + [1.0] * 30)
    lead = abs(2 * gained - 8)
    as_extreme = sum(math.comb(8, k) for k in range(9) if abs(2 * k - 8) >= lead)
    found = randomisation_p(mean_measure(first, ""), mean_measure(second, ""), 20_000, seed=1)
    assert found == pytest.approx(as_extreme / 2**8, abs=0.01)


@TESTS
def test_one_sentence_of_a_hundred_is_no_proof(test: Test) -> None:
    first, second = np.ones(100), np.ones(100)
    second[7] = 0
    assert test(mean_measure(first, ""), mean_measure(second, ""), 1000, 1) > 0.2


@TESTS
def test_a_clear_difference_is_no_chance(test: Test) -> None:
    # No sample of 300 exceeds the difference: (0 + 1) / (300 + 1).
    assert test(measures(MIXED)["bleu"], measures(GOOD)["bleu"], 300, 1) == 1 / 301


@TESTS
def test_a_system_against_itself_is_all_chance(test: Test) -> None:
    assert test(measures(MIXED)["bleu"], measures(MIXED)["bleu"], 300, 1) == 1.0


@TESTS
def test_errors_in_other_places_are_no_difference(test: Test) -> None:
    assert test(measures(MIXED)["bleu"], measures(SWAPPED)["bleu"], 300, 1) > 0.05


@TESTS
def test_what_does_not_fit_into_memory_is_drawn_in_parts(
    test: Test, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems = measures(MIXED)["bleu"], measures(CLOSE)["bleu"]
    whole = test(*systems, 300, 1)
    monkeypatch.setattr(significance, "MOST_DRAWS", 80 * 32)
    assert test(*systems, 300, 1) == pytest.approx(whole, abs=3 * math.sqrt(0.25 / 300))


@TESTS
def test_differing_sizes_are_an_error(test: Test) -> None:
    shorter = mean_measure(np.zeros(79), "mean")
    with pytest.raises(UserError, match="80 and 79 sentences"):
        test(mean_measure(np.zeros(80), "mean"), shorter, 100, 1)
