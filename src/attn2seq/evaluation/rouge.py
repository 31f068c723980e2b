"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) for texts in any script.

rouge-score's own tokeniser knows Latin letters and digits only: two identical Russian lines would
score 0. Here words are those of `split_words`, in lower case.
"""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from attn2seq.evaluation.measures import Measure, mean_measure
from attn2seq.evaluation.words import split_words

NAMES = ("rouge1", "rouge2", "rougeL")


class UnicodeTokenizer:
    """The form in which rouge-score takes a tokeniser."""

    def tokenize(self, text: str) -> list[str]:
        """Lower-case words; `tokenize("Не, не!")` gives `["не", "не"]`."""
        return split_words(text.lower())


def rouge_measures(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, Measure]:
    """The F scores, averaged over sentences; of several references the best one counts."""
    scorer = RougeScorer(list(NAMES), tokenizer=UnicodeTokenizer())
    found = [
        scorer.score_multi(list(texts), hypothesis)
        for hypothesis, texts in zip(hypotheses, references, strict=True)
    ]
    signature = (
        f"case:lower|tok:unicode-words|f:1|refs:best|mean:sentences|"
        f"rouge-score:{version('rouge-score')}"
    )
    return {
        name: mean_measure(np.array([float(row[name].fmeasure) for row in found]), signature)
        for name in NAMES
    }
