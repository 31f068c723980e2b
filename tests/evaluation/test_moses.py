"""BLEU of lower-cased Moses tokens, against counts made by hand."""

import math

import pytest
import sacrebleu

from attn2seq.evaluation.moses import moses_measure


def test_tokens_by_hand() -> None:
    # Lower-cased, quotes straightened, cut: 9 tokens, of which "alter" is wrong.
    hypothesis = "Ein Alter Mann, der „Hallo“ ruft"
    reference = 'ein junger Mann , der " hallo " ruft'
    matches = [(8, 9), (6, 8), (5, 7), (4, 6)]
    wanted = 100 * math.prod(right / all_ for right, all_ in matches) ** 0.25
    assert moses_measure([hypothesis], [[reference]], "de").score() == pytest.approx(wanted)


def test_without_a_match_of_four_tokens_it_is_zero() -> None:
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


def test_several_references_and_the_signature() -> None:
    measure = moses_measure(["a b c d", "e f g h"], [["x y z w", "A b c d"], ["e f g h"]], "cs")
    assert measure.score() == pytest.approx(100)
    assert measure.signature.startswith("nrefs:2|case:lc|eff:no|tok:moses-cs|smooth:none|")
