"""Metrics that compare hypotheses with references, text with text.

BLEU (Papineni et al. 2002), chrF (Popović 2015) and TER (Snover et al. 2006) come from sacreBLEU
(Post 2018), cased and on plain text as a reader sees it; ROUGE (Lin 2004) from rouge-score.
"""

import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import sacremoses
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from attn2seq.config import nearest
from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Measure, Numbers, mean_measure
from attn2seq.evaluation.texts import split_words

# Written without spaces between words: TER would take a whole line for one word.
UNSPACED_TOKENIZERS = ("zh", "ja-mecab")
ROUGE = ("rouge1", "rouge2", "rougeL")


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


def moses_measure(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], language: str
) -> Measure:
    """The BLEU that older papers quote: of lower-cased text in Moses' tokens, not smoothed.

    What `lowercase.perl | normalize-punctuation.perl | tokenizer.perl` and `multi-bleu.perl` gave,
    by sacremoses and by sacreBLEU with its own tokeniser off. It grows with the number of tokens
    that the tokeniser makes, so it compares with figures of the same kind alone. `language`
    chooses the rules for dots and apostrophes.
    """
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


class UnicodeTokenizer:
    """The form in which rouge-score takes a tokeniser.

    Its own knows Latin letters and digits only: two identical Russian lines would score 0.
    """

    def tokenize(self, text: str) -> list[str]:
        """Lower-case words; `tokenize("Не, не!")` gives `["не", "не"]`."""
        return split_words(text.lower())


def rouge_measures(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    of_references: Literal["best", "mean"] = "best",
) -> dict[str, Measure]:
    """ROUGE's F scores, averaged over sentences.

    Of several references the best one counts, for each score by itself, or the mean of all.
    """
    scorer = RougeScorer(list(ROUGE), tokenizer=UnicodeTokenizer())
    join: Callable[[list[float]], float] = max if of_references == "best" else statistics.fmean
    rows = []
    for hypothesis, texts in zip(hypotheses, references, strict=True):
        found = [scorer.score(text, hypothesis) for text in texts]
        rows.append([join([float(one[name].fmeasure) for one in found]) for name in ROUGE])
    signature = (
        f"case:lower|tok:unicode-words|f:1|refs:{of_references}|mean:sentences|"
        f"rouge-score:{version('rouge-score')}"
    )
    columns = np.array(rows).T
    return {
        name: mean_measure(column, signature) for name, column in zip(ROUGE, columns, strict=True)
    }
