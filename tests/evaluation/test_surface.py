import math

import numpy as np
import pytest
import sacrebleu

from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Measure
from attn2seq.evaluation.surface import (
    reference_streams,
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
