"""BLEU, chrF and TER by sacreBLEU: cased, on plain text as a reader sees it, with signatures.

Source of the maths: Papineni et al. 2002 (BLEU), Popović 2015 (chrF), Snover et al. 2006 (TER),
as computed by sacreBLEU (Post 2018).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER

from attn2seq.config import nearest
from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Measure, Numbers

# Written without spaces between words: TER would take a whole line for one word.
UNSPACED_TOKENIZERS = ("zh", "ja-mecab")


def sacrebleu_metrics(bleu_tokenizer: str) -> dict[str, Any]:
    """The three sacreBLEU metrics by our names. Raises UserError for an unknown tokeniser."""
    known = sorted(BLEU.TOKENIZERS)
    if bleu_tokenizer not in known:
        guess = nearest(bleu_tokenizer, known)
        hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"
        raise UserError(f"bleu_tokenizer {bleu_tokenizer!r} of the corpus is unknown ({hint})")
    unspaced = bleu_tokenizer in UNSPACED_TOKENIZERS
    try:
        bleu = BLEU(tokenize=bleu_tokenizer, force=True)
    except (ImportError, RuntimeError) as error:
        raise UserError(f"bleu_tokenizer {bleu_tokenizer!r} cannot be used: {error}") from None
    ter = TER(case_sensitive=True, normalized=unspaced, asian_support=unspaced)
    return {"bleu": bleu, "chrf": CHRF(), "ter": ter}


def surface_measures(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    bleu_tokenizer: str,
    samples: int,
    seed: int,
) -> dict[str, Measure]:
    """BLEU, chrF and TER; `references` holds the references of each sentence, one or several.

    `samples` and `seed` are those of the intervals: a signature names them.
    """
    streams = reference_streams(references)
    measures = {}
    for name, metric in sacrebleu_metrics(bleu_tokenizer).items():
        sums = np.array(metric._extract_corpus_statistics(hypotheses, streams), dtype=np.float64)
        metric.n_bootstrap, metric.seed = samples, str(seed)
        measures[name] = Measure(sums, metric_formula(metric), str(metric.get_signature()))
    return measures


def sentence_bleu(measure: Measure) -> Numbers:
    """BLEU of each sentence alone, with effective n-gram order, from the corpus's own counts.

    Without effective order every sentence under four words would score 0.
    """
    formula = metric_formula(BLEU(effective_order=True))
    return np.array([formula(row) for row in measure.sums])


def sentence_scores(measure: Measure) -> Numbers:
    """The score of each sentence alone."""
    return np.array([measure.formula(row) for row in measure.sums])


def reference_streams(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References by sentence, turned into the streams that sacreBLEU reads.

    `[["a", "b"], ["c"]]` gives `[["a", "c"], ["b", None]]`.
    """
    width = max(len(texts) for texts in references)
    return [
        [texts[place] if place < len(texts) else None for texts in references]
        for place in range(width)
    ]


def metric_formula(metric: Any) -> Any:
    """The score that a sacreBLEU metric makes of sums of its statistics."""
    return lambda total: float(metric._compute_score_from_stats(total).score)
