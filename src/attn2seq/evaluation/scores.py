"""What evaluate leaves: all metrics of each split, how they were computed, a row per sentence."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from attn2seq.config import nearest
from attn2seq.errors import UserError
from attn2seq.evaluation.analysis import analyse, count_words, lead_scores
from attn2seq.evaluation.measures import Measure, Numbers, mean_measure
from attn2seq.evaluation.recognition import by_speaker, error_measure
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.surface import (
    ROUGE,
    moses_measure,
    rouge_measures,
    sentence_bleu,
    sentence_scores,
    surface_measures,
)
from attn2seq.evaluation.texts import (
    CorpusFacts,
    SplitTexts,
    read_corpus_facts,
    read_split,
    read_table,
    split_words,
)
from attn2seq.whole import whole_file, write_json

SPLITS = ("dev", "test")


@dataclass(frozen=True)
class SplitScores:
    """The result of scoring one split.

    `metrics` by name, percentages on the 0-100 scale; `signatures` by name with the 95% interval;
    `sentences` with one row per sentence; `measures` to score any part of the split.
    """

    metrics: dict[str, float]
    signatures: dict[str, dict[str, Any]]
    sentences: pd.DataFrame
    measures: dict[str, Measure]


def evaluate(
    prepared: Path, decoded: Path, output: Path, settings: EvaluateSettings
) -> dict[str, dict[str, float]]:
    """Score dev and test, write the results into the folder `output`, and return the metrics.

    `prepared` holds the pairs and the corpus description, `decoded` a folder for each split.
    Raises UserError.
    """
    corpus = read_corpus_facts(prepared / "corpus.json")
    # What a recording holds is known by its transcript alone.
    side: Literal["src", "tgt"] = "tgt" if corpus.recordings else "src"
    train_counts = count_words(read_table(prepared / "train.parquet")[side])
    scored: dict[str, SplitScores] = {}
    analyses: dict[str, Any] = {}
    for name in SPLITS:
        split = read_split(prepared / f"{name}.parquet", decoded / name)
        scored[name] = score_split(split, corpus, settings)
        analyses[name] = analyse(split, scored[name].measures, train_counts, side)
        if corpus.recordings:
            analyses[name]["by_speaker"] = by_speaker(split.sources, scored[name].measures)
        if corpus.task == "summarisation":
            analyses[name]["lead"] = lead_scores(split)
    metrics = {name: scores.metrics for name, scores in scored.items()}
    write_json(output / "signatures.json", {name: s.signatures for name, s in scored.items()})
    write_json(output / "analysis.json", analyses)
    _write_sentences(output / "sentences.parquet", scored)
    # Last, so that metrics are there only when all the rest is.
    write_json(output / "metrics.json", metrics)
    return metrics


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
        sentences=_sentence_rows(split, measures, corpus.recordings),
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
    words whose hypothesis equals no reference; `wer` and `cer` are those of speech recognition, of
    words and of characters; `moses_bleu` is what `moses_measure` says;
    `rouge1_mean` and its like take the mean of the references and not the best.
    Raises UserError for an unknown name.
    """
    known: dict[str, Callable[[], Measure]] = {
        "accuracy": lambda: exact_match(split),
        "word_error_rate": lambda: mean_measure(
            1 - _matches(split), "words equal to no reference|case:mixed|space:collapsed"
        ),
        "wer": lambda: error_measure(split.hypotheses, split.references, "words"),
        "cer": lambda: error_measure(split.hypotheses, split.references, "characters"),
        "moses_bleu": lambda: moses_measure(split.hypotheses, split.references, corpus.tgt_lang),
        **{f"{name}_mean": partial(_rouge_mean, split, name) for name in ROUGE},
    }
    for name in corpus.extra_metrics:
        if name not in known:
            guess = nearest(name, list(known))
            hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"
            raise UserError(f"metric {name!r} of the corpus is unknown ({hint})")
    return {name: known[name]() for name in corpus.extra_metrics}


def _rouge_mean(split: SplitTexts, name: str) -> Measure:
    return rouge_measures(split.hypotheses, split.references, "mean")[name]


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
    # A model that went astray can give thousands of nats per token, whose exp is not a number.
    return math.exp(min(float(total[0] / max(total[1], 1.0)), 700.0))


def _bits_per_character(total: Numbers) -> float:
    return float(total[0]) / math.log(2) / max(float(total[1]), 1.0)


def _sentence_rows(
    split: SplitTexts, measures: dict[str, Measure], recordings: bool
) -> pd.DataFrame:
    """One row per sentence; lengths are numbers of words."""
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
            # Those of a recording are what is said in it.
            "src_words": _word_counts(split.targets if recordings else split.sources),
            "hypothesis_words": _word_counts(split.hypotheses),
            "reference_words": _word_counts(split.targets),
        }
    )


def _word_counts(texts: list[str]) -> list[int]:
    return [len(split_words(text)) for text in texts]


def _write_sentences(path: Path, scored: dict[str, SplitScores]) -> None:
    parts = []
    for name, scores in scored.items():
        rows = scores.sentences.copy()
        rows.insert(0, "split", name)
        parts.append(rows)
    with whole_file(path) as beside:
        pd.concat(parts, ignore_index=True).to_parquet(beside, index=False)
