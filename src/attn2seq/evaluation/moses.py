"""The BLEU that older papers quote: of lower-cased text in Moses' tokens, not smoothed.

What `lowercase.perl | normalize-punctuation.perl | tokenizer.perl` and `multi-bleu.perl` gave, by
sacremoses and by sacreBLEU with its own tokeniser off. It grows with the number of tokens that the
tokeniser makes, so it compares with figures of the same kind alone.
"""

from collections.abc import Sequence

import numpy as np
import sacremoses
from sacrebleu.metrics import BLEU
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from attn2seq.evaluation.measures import Measure
from attn2seq.evaluation.surface import metric_formula, reference_streams


def moses_measure(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], language: str
) -> Measure:
    """BLEU of lower-cased Moses tokens; `language` chooses the rules for dots and apostrophes."""
    normaliser, tokenizer = MosesPunctNormalizer(lang=language), MosesTokenizer(lang=language)

    def tokens(text: str) -> str:
        line: str = tokenizer.tokenize(normaliser.normalize(text.lower()), return_str=True)
        return line

    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    cut = [[tokens(text) for text in texts] for texts in references]
    sums = metric._extract_corpus_statistics(
        [tokens(text) for text in hypotheses], reference_streams(cut)
    )
    signature = (
        f"nrefs:{max(map(len, cut))}|case:lc|eff:no|tok:moses-{language}|smooth:none|"
        f"sacremoses:{sacremoses.__version__}"
    )
    return Measure(np.array(sums, dtype=np.float64), metric_formula(metric), signature)
