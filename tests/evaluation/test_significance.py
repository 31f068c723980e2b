import os
from typing import Literal

import numpy as np
import pytest

from attn2seq.errors import UserError
from attn2seq.evaluation.significance import PairedResult, compare_paired

REFERENCES = [
    [" ".join(np.random.default_rng(line).choice(list("abcdefgh"), 9))] for line in range(80)
]
GOOD = [texts[0] for texts in REFERENCES]
POOR = [" ".join(text.split()[:5] + ["x"] * 4) for text in GOOD]
MIXED = [(GOOD, POOR)[line % 2][line] for line in range(80)]
SWAPPED = [(POOR, GOOD)[line % 2][line] for line in range(80)]

Method = Literal["bootstrap", "randomisation"]


def compare(
    baseline: list[str], system: list[str], method: Method, seed: int = 12345
) -> dict[str, PairedResult]:
    return compare_paired(baseline, system, REFERENCES, "13a", method, samples=300, seed=seed)


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
def test_a_clear_difference_is_no_chance(method: Method) -> None:
    found = compare(MIXED, GOOD, method)
    assert found["bleu"].system == pytest.approx(100.0)
    assert set(found) == {"bleu", "chrf", "ter"}
    # No sample of 300 reaches the difference: (0 + 1) / (300 + 1).
    assert found["bleu"].p_value == pytest.approx(1 / 301)


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
def test_a_system_against_itself_is_all_chance(method: Method) -> None:
    assert compare(MIXED, MIXED, method)["bleu"].p_value == 1.0


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
def test_errors_in_other_places_are_no_difference(method: Method) -> None:
    assert compare(MIXED, SWAPPED, method)["bleu"].p_value > 0.05


def test_seed_fixes_the_result_and_the_environment_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "99")
    first = compare(MIXED, SWAPPED, "randomisation", seed=5)
    assert compare(MIXED, SWAPPED, "randomisation", seed=5) == first
    assert "seed:5" in first["bleu"].signature
    assert os.environ["SACREBLEU_SEED"] == "99"


def test_differing_line_counts_are_an_error() -> None:
    with pytest.raises(UserError, match="80 and 79 lines for 80 references"):
        compare(GOOD, GOOD[:-1], "bootstrap")
