import pytest

from attn2seq.evaluation.rouge import NAMES, rouge_measures


@pytest.mark.parametrize(
    "text", ["the cat sat", "Кошка сидит дома", "猫は家にいます", "แมวอยู่ในบ้าน", "القطة في البيت"]
)
def test_identical_lines_score_100_in_every_script(text: str) -> None:
    found = rouge_measures([text], [[text]])
    assert [found[name].score() for name in NAMES] == pytest.approx([100.0] * 3)


def test_by_hand() -> None:
    # Three of four words are shared, one of three pairs; the longest common run in order is a b d.
    found = rouge_measures(["a b x d"], [["a b c d"]])
    assert found["rouge1"].score() == pytest.approx(75.0)
    assert found["rouge2"].score() == pytest.approx(100 / 3)
    assert found["rougeL"].score() == pytest.approx(75.0)


def test_f_is_of_precision_and_recall() -> None:
    # Precision 1/1, recall 1/3.
    assert rouge_measures(["a"], [["a b c"]])["rouge1"].score() == pytest.approx(50.0)


def test_best_reference_counts_and_sentences_are_averaged() -> None:
    found = rouge_measures(["a b", "x"], [["c d", "a b"], ["y"]])
    assert found["rouge1"].score() == pytest.approx(50.0)


def test_case_is_no_difference() -> None:
    assert rouge_measures(["ÜBER"], [["über"]])["rouge1"].score() == pytest.approx(100.0)


def test_empty_hypothesis_scores_0() -> None:
    assert rouge_measures([""], [["a"]])["rougeL"].score() == 0.0
