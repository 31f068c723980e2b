"""The folder that evaluate leaves: metrics, signatures, analysis and a table of sentences."""

from pathlib import Path
from typing import Any

import pandas as pd

from attn2seq.evaluation.analysis import analyse, count_words
from attn2seq.evaluation.scores import SplitScores, score_split
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.texts import read_corpus_facts, read_split, read_table
from attn2seq.whole import whole_file, write_json

SPLITS = ("dev", "test")


def evaluate(
    prepared: Path, decoded: Path, output: Path, settings: EvaluateSettings
) -> dict[str, dict[str, float]]:
    """Score dev and test, write the results into the folder `output`, and return the metrics.

    `prepared` holds the pairs and the corpus description, `decoded` a folder for each split.
    Raises UserError.
    """
    corpus = read_corpus_facts(prepared / "corpus.json")
    train_counts = count_words(read_table(prepared / "train.parquet")["src"])
    scored: dict[str, SplitScores] = {}
    analyses: dict[str, Any] = {}
    for name in SPLITS:
        split = read_split(prepared / f"{name}.parquet", decoded / name)
        scored[name] = score_split(split, corpus, settings)
        analyses[name] = analyse(split, scored[name].measures, train_counts)
    metrics = {name: scores.metrics for name, scores in scored.items()}
    write_json(output / "signatures.json", {name: s.signatures for name, s in scored.items()})
    write_json(output / "analysis.json", analyses)
    _write_sentences(output / "sentences.parquet", scored)
    # Last, so that metrics are there only when all the rest is.
    write_json(output / "metrics.json", metrics)
    return metrics


def _write_sentences(path: Path, scored: dict[str, SplitScores]) -> None:
    parts = []
    for name, scores in scored.items():
        rows = scores.sentences.copy()
        rows.insert(0, "split", name)
        parts.append(rows)
    with whole_file(path) as beside:
        pd.concat(parts, ignore_index=True).to_parquet(beside, index=False)
