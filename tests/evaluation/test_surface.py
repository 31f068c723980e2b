import math

import numpy as np
import pytest
import sacrebleu

from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Measure
from attn2seq.evaluation.surface import (
    ROUGE,
    moses_measure,
    reference_streams,
    rouge_measures,
    sentence_bleu,
    sentence_scores,
    surface_measures,
)

HYPOTHESES = ["the cat sat on the mat", "Ein Hund läuft.", ""]
REFERENCES = [["the cat sat on a mat", "a cat sat on the mat"], ["Ein Hund rennt."], ["Ja."]]


def measures(
    hypotheses: list[str], references: list[list[str]], tokenizer: str = "13a"
) -> dict[str, Measure]:
    return surface_measures(hypotheses, references, tokenizer, samples=100, seed=1)


def test_bleu_by_hand() -> None:
    # 1-grams 5/6 (one "the" too many), 2-grams 3/5, 3-grams 2/4, 4-grams 1/3; equal lengths.
    found = measures(["the cat sat on the mat"], [["the cat sat on a mat"]])["bleu"]
    assert found.score() == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)


def test_brevity_by_hand() -> None:
    # All n-grams right, 5 words for 6: the penalty exp(1 - 6/5) is all that is lost.
    found = measures(["a b c d e"], [["a b c d e f"]])["bleu"]
    assert found.score() == pytest.approx(100 * math.exp(1 - 6 / 5))


def test_ter_by_hand() -> None:
    # One word replaced of four, then one of one: 2 edits for 5 words.
    assert measures(["a b c x", "y"], [["a b c d"], ["z"]])["ter"].score() == pytest.approx(40.0)


def test_case_counts() -> None:
    found = measures(["a b c d"], [["A b c d"]])
    assert found["bleu"].score() < 100
    assert found["chrf"].score() < 100
    assert found["ter"].score() == pytest.approx(25.0)


def test_equal_to_sacrebleus_own_calls() -> None:
    streams = [["the cat sat on a mat", "Ein Hund rennt.", "Ja."], ["a cat sat on the mat", "", ""]]
    streams[1][1:] = [None, None]  # type: ignore[list-item]
    found = measures(HYPOTHESES, REFERENCES)
    for name, metric in {
        "bleu": sacrebleu.BLEU(),
        "chrf": sacrebleu.CHRF(),
        "ter": sacrebleu.TER(case_sensitive=True),
    }.items():
        assert found[name].score() == pytest.approx(metric.corpus_score(HYPOTHESES, streams).score)


def test_sentence_scores_equal_sacrebleus() -> None:
    found = measures(HYPOTHESES, REFERENCES)
    bleu, chrf = sentence_bleu(found["bleu"]), sentence_scores(found["chrf"])
    for place, (hypothesis, texts) in enumerate(zip(HYPOTHESES, REFERENCES, strict=True)):
        assert bleu[place] == pytest.approx(sacrebleu.sentence_bleu(hypothesis, texts).score)
        assert chrf[place] == pytest.approx(sacrebleu.sentence_chrf(hypothesis, texts).score)


def test_signatures_name_what_matters() -> None:
    found = measures(HYPOTHESES, REFERENCES)
    assert found["bleu"].signature == (
        f"nrefs:var|bs:100|seed:1|case:mixed|eff:no|tok:13a|smooth:exp|"
        f"version:{sacrebleu.__version__}"
    )
    assert "case:mixed" in found["ter"].signature


def test_chinese_is_scored_by_characters() -> None:
    found = measures(["我爱你们。"], [["我爱你们!"]], "zh")
    # One of five characters differs; without the parting of characters TER would be 100.
    assert found["ter"].score() == pytest.approx(20.0)
    assert found["bleu"].score() > 50


def test_references_become_streams() -> None:
    assert reference_streams([["a", "b"], ["c"]]) == [["a", "c"], ["b", None]]


def test_order_of_sentences_changes_nothing() -> None:
    forward = measures(HYPOTHESES, REFERENCES)
    backward = measures(HYPOTHESES[::-1], REFERENCES[::-1])
    for name in forward:
        assert np.isclose(forward[name].score(), backward[name].score())


def test_unknown_tokeniser_is_named() -> None:
    with pytest.raises(UserError, match=r"bleu_tokenizer '13b' .*did you mean 13a\?"):
        measures(["a"], [["a"]], "13b")


def test_moses_tokens_by_hand() -> None:
    # Lower-cased, quotes straightened, cut: 9 tokens, of which "alter" is wrong.
    hypothesis = "Ein Alter Mann, der „Hallo“ ruft"
    reference = 'ein junger Mann , der " hallo " ruft'
    matches = [(8, 9), (6, 8), (5, 7), (4, 6)]
    wanted = 100 * math.prod(right / all_ for right, all_ in matches) ** 0.25
    assert moses_measure([hypothesis], [[reference]], "de").score() == pytest.approx(wanted)


def test_moses_bleu_without_a_match_of_four_tokens_is_zero() -> None:
    # multi-bleu does not smooth; sacreBLEU's default would give some points.
    assert moses_measure(["a b c x"], [["a b c d"]], "en").score() == 0
    assert sacrebleu.corpus_bleu(["a b c x"], [["a b c d"]]).score > 0


def test_the_language_decides_what_an_apostrophe_is() -> None:
    # French gives l' homme est là, German l ' homme est là; the first column counts the tokens.
    counts = {
        language: moses_measure(["L'homme est là"], [["x"]], language).sums[0, 0]
        for language in ("fr", "de")
    }
    assert counts == {"fr": 4, "de": 5}


def test_moses_bleu_of_several_references_and_its_signature() -> None:
    measure = moses_measure(["a b c d", "e f g h"], [["x y z w", "A b c d"], ["e f g h"]], "cs")
    assert measure.score() == pytest.approx(100)
    assert measure.signature.startswith("nrefs:2|case:lc|eff:no|tok:moses-cs|smooth:none|")


@pytest.mark.parametrize(
    "text", ["the cat sat", "Кошка сидит дома", "猫は家にいます", "แมวอยู่ในบ้าน", "القطة في البيت"]
)
def test_rouge_of_identical_lines_is_100_in_every_script(text: str) -> None:
    found = rouge_measures([text], [[text]])
    assert [found[name].score() for name in ROUGE] == pytest.approx([100.0] * 3)


def test_rouge_by_hand() -> None:
    # Three of four words are shared, one of three pairs; the longest common run in order is a b d.
    found = rouge_measures(["a b x d"], [["a b c d"]])
    assert found["rouge1"].score() == pytest.approx(75.0)
    assert found["rouge2"].score() == pytest.approx(100 / 3)
    assert found["rougeL"].score() == pytest.approx(75.0)


def test_rouge_f_is_of_precision_and_recall() -> None:
    # Precision 1/1, recall 1/3.
    assert rouge_measures(["a"], [["a b c"]])["rouge1"].score() == pytest.approx(50.0)


def test_rouge_best_reference_counts_and_sentences_are_averaged() -> None:
    found = rouge_measures(["a b", "x"], [["c d", "a b"], ["y"]])
    assert found["rouge1"].score() == pytest.approx(50.0)


def test_rouge_of_the_mean_reference() -> None:
    found = rouge_measures(["a b", "x"], [["c d", "a b"], ["y"]], "mean")
    assert found["rouge1"].score() == pytest.approx(25.0)
    assert "|refs:mean|" in found["rouge1"].signature
    assert "|refs:best|" in rouge_measures(["a"], [["a"]])["rouge1"].signature


def test_case_is_no_difference_to_rouge() -> None:
    assert rouge_measures(["ÜBER"], [["über"]])["rouge1"].score() == pytest.approx(100.0)


def test_rouge_of_an_empty_hypothesis_is_0() -> None:
    assert rouge_measures([""], [["a"]])["rougeL"].score() == 0.0
