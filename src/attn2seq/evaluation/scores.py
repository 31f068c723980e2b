"""All metrics of one split: the scores, how they were computed, and a row a sentence."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attn2seq.config import nearest
from attn2seq.errors import UserError
from attn2seq.evaluation.measures import Measure, Numbers, mean_measure
from attn2seq.evaluation.moses import moses_measure
from attn2seq.evaluation.rouge import rouge_measures
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.surface import sentence_bleu, sentence_scores, surface_measures
from attn2seq.evaluation.texts import CorpusFacts, SplitTexts
from attn2seq.evaluation.words import split_words

ALWAYS = (
    *("bleu", "chrf", "ter", "rouge1", "rouge2", "rougeL", "exact_match"),
    *("perplexity", "bits_per_character"),
)


@dataclass(frozen=True)
class SplitScores:
    """The result of scoring one split.

    `metrics` by name, percentages on the 0-100 scale; `signatures` by name with the 95% interval;
    `sentences` with one row a sentence; `measures` to score any part of the split.
    """

    metrics: dict[str, float]
    signatures: dict[str, dict[str, Any]]
    sentences: pd.DataFrame
    measures: dict[str, Measure]


def score_split(split: SplitTexts, corpus: CorpusFacts, settings: EvaluateSettings) -> SplitScores:
    """Score the hypotheses of one split against its references. Raises UserError."""
    measures = split_measures(split, corpus, settings)
    signatures = {}
    for name, measure in measures.items():
        low, high = measure.interval(settings.bootstrap_samples, settings.seed)
        signatures[name] = {
            "signature": measure.signature,
            "low": round(low, 4),
            "high": round(high, 4),
        }
    return SplitScores(
        metrics={name: round(measure.score(), 4) for name, measure in measures.items()},
        signatures=signatures,
        sentences=_sentence_rows(split, measures),
        measures=measures,
    )


def split_measures(
    split: SplitTexts, corpus: CorpusFacts, settings: EvaluateSettings
) -> dict[str, Measure]:
    """All metrics of one split by name. Raises UserError."""
    samples, seed = settings.bootstrap_samples, settings.seed
    return {
        **surface_measures(
            split.hypotheses, split.references, corpus.bleu_tokenizer, samples, seed
        ),
        **rouge_measures(split.hypotheses, split.references),
        "exact_match": exact_match(split),
        **asked_measures(split, corpus),
        **probability_measures(split),
    }


def exact_match(split: SplitTexts) -> Measure:
    """The share of sentences whose hypothesis equals a reference."""
    return mean_measure(_matches(split), "equal:any reference|case:mixed|space:collapsed")


def asked_measures(split: SplitTexts, corpus: CorpusFacts) -> dict[str, Measure]:
    """The metrics that a corpus asks for on top of the usual ones.

    `accuracy` is exact match of labels; `word_error_rate` is that of pronunciations: the share of
    words whose hypothesis equals no reference; `moses_bleu` is what `evaluation/moses.py` says.
    Raises UserError for an unknown name.
    """
    known: dict[str, Callable[[], Measure]] = {
        "accuracy": lambda: exact_match(split),
        "word_error_rate": lambda: mean_measure(
            1 - _matches(split), "words equal to no reference|case:mixed|space:collapsed"
        ),
        "moses_bleu": lambda: moses_measure(split.hypotheses, split.references, corpus.tgt_lang),
    }
    for name in corpus.extra_metrics:
        if name not in known:
            guess = nearest(name, list(known))
            hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"
            raise UserError(f"metric {name!r} of the corpus is unknown ({hint})")
    return {name: known[name]() for name in corpus.extra_metrics}


def _matches(split: SplitTexts) -> Numbers:
    return np.array(
        [
            float(" ".join(hypothesis.split()) in {" ".join(text.split()) for text in texts})
            for hypothesis, texts in zip(split.hypotheses, split.references, strict=True)
        ]
    )


def probability_measures(split: SplitTexts) -> dict[str, Measure]:
    """How well the model foresees the first reference: nats are summed, then divided once.

    Perplexity is exp(nats / tokens), tokens with the end of sentence; bits per character is
    nats / ln 2 / characters, which does not depend on how the text was cut into tokens.
    """
    characters = np.array([float(len(text)) for text in split.targets])
    by_token = np.stack([split.nats, split.tokens], axis=1)
    by_character = np.stack([split.nats, characters], axis=1)
    return {
        "perplexity": Measure(by_token, _perplexity, "exp(nats/tokens)|eos:yes|ref:first"),
        "bits_per_character": Measure(
            by_character, _bits_per_character, "nats/ln(2)/characters|eos:yes|ref:first"
        ),
    }


def _perplexity(total: Numbers) -> float:
    # A model that went astray can give thousands of nats a token, whose exp is no number.
    return math.exp(min(float(total[0] / max(total[1], 1.0)), 700.0))


def _bits_per_character(total: Numbers) -> float:
    return float(total[0]) / math.log(2) / max(float(total[1]), 1.0)


def _sentence_rows(split: SplitTexts, measures: dict[str, Measure]) -> pd.DataFrame:
    """One row a sentence; lengths are numbers of words."""
    return pd.DataFrame(
        {
            "line": np.arange(len(split), dtype=np.int64),
            "src": split.sources,
            "hypothesis": split.hypotheses,
            "reference": split.targets,
            "bleu": sentence_bleu(measures["bleu"]).round(4),
            "chrf": sentence_scores(measures["chrf"]).round(4),
            "exact_match": measures["exact_match"].sums[:, 0] == 1,
            "nats": split.nats,
            "tokens": split.tokens.astype(np.int64),
            "src_words": _word_counts(split.sources),
            "hypothesis_words": _word_counts(split.hypotheses),
            "reference_words": _word_counts(split.targets),
        }
    )


def _word_counts(texts: list[str]) -> list[int]:
    return [len(split_words(text)) for text in texts]
