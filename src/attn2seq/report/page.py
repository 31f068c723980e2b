"""The report: one HTML file that needs nothing else, the same bytes from the same results."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn2seq.errors import UserError
from attn2seq.report import content
from attn2seq.report.hygiene import LONG_FACTOR, data_tables
from attn2seq.report.sentences import browsed_sentences
from attn2seq.report.settings import ReportSettings
from attn2seq.report.templating import language_tag, page_environment
from attn2seq.report.vocabulary import is_joint, vocabulary_table
from attn2seq.whole import whole_file


@dataclass(frozen=True)
class ReportInputs:
    """Where the results lie: the folders of the stages, and the corpus description."""

    prepare: Path
    train: Path
    decode: Path
    evaluate: Path
    corpus: Path
    tokenized: Path


def write_report(
    inputs: ReportInputs, params: Mapping[str, Any], settings: ReportSettings, output: Path
) -> None:
    """Write the page to the file `output`. Raises UserError where a result is missing."""
    html = render_report(inputs, params, settings)
    with whole_file(output) as beside:
        beside.write_text(html, encoding="utf-8")


def render_report(inputs: ReportInputs, params: Mapping[str, Any], settings: ReportSettings) -> str:
    """The page's text. Raises UserError where a result is missing."""
    history, sentences_file = inputs.train / "history.csv", inputs.evaluate / "sentences.parquet"
    for path in (history, sentences_file):
        if not path.exists():
            raise _missing(path)
    trained = _read(inputs.train / "metrics.json")
    corpus = _read(inputs.corpus)
    rows = content.score_rows(
        _read(inputs.evaluate / "metrics.json"), _read(inputs.evaluate / "signatures.json")
    )
    analysis = _read(inputs.evaluate / "analysis.json")["test"]
    prepared = _read(inputs.prepare / "metrics.json")
    sentences, worst = browsed_sentences(sentences_file, inputs.decode / "test", settings)
    return page_environment().get_template("index.html").render(
        corpus=corpus,
        scores=rows,
        headline=content.headline(rows, corpus["metrics"]),
        bucket_columns=content.bucket_columns(corpus["metrics"]),
        trained=trained,
        curves=content.learning_curves(history, trained.get("best_step")),
        analysis=analysis,
        test_size=sum(bucket["sentences"] for bucket in analysis["by_length"]),
        prepared=content.rows_table(prepared),
        data=data_tables(prepared.get("hygiene", {})),
        long_factor=LONG_FACTOR,
        vocabulary=vocabulary_table(inputs.tokenized, inputs.corpus.parent),
        joint=is_joint(inputs.tokenized),
        params=content.params_tables(params),
        sentences=sentences,
        worst=worst,
        maps=sum(row["attention"] is not None for row in sentences),
        source_tag=language_tag(corpus["src_lang"]),
        target_tag=language_tag(corpus["tgt_lang"]),
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _missing(path) from None
    assert isinstance(values, dict)
    return values


def _missing(path: Path) -> UserError:
    return UserError(f"{path} is missing: run the stage that writes it (make repro)")
