"""The report: one HTML file that needs nothing else, the same bytes from the same results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn2seq.evaluation.texts import missing, read_json
from attn2seq.features.frame_store import FrameStore, read_frame_format
from attn2seq.metrics import METRICS, judged_by, leading
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
    if gone := next((path for path in (history, sentences_file) if not path.exists()), None):
        raise missing(gone)
    trained = read_json(inputs.train / "metrics.json")
    corpus = read_json(inputs.corpus)
    judge, spoken = judged_by(corpus), "recordings" in corpus
    rows = content.score_rows(
        read_json(inputs.evaluate / "metrics.json"),
        read_json(inputs.evaluate / "signatures.json"),
        judge,
    )
    analysis = read_json(inputs.evaluate / "analysis.json")["test"]
    prepared = read_json(inputs.prepare / "metrics.json")
    form = read_frame_format(inputs.tokenized)
    sentences, worst = browsed_sentences(
        sentences_file,
        inputs.decode / "test",
        settings,
        None if form is None else FrameStore(inputs.tokenized / "test.src", form),
    )
    return page_environment().get_template("index.html").render(
        corpus=corpus,
        scores=rows,
        headline=[rows[name] for name in leading(rows, judge)],
        metrics=METRICS,
        bucket_columns=content.bucket_columns(judge),
        trained=trained,
        curves=content.learning_curves(history, trained.get("best_step")),
        analysis=analysis,
        test_size=sum(bucket["sentences"] for bucket in analysis["by_length"]),
        prepared=content.rows_table(prepared),
        data=data_tables(prepared.get("hygiene", {})),
        long_factor=LONG_FACTOR,
        vocabulary=vocabulary_table(inputs.tokenized, inputs.corpus.parent),
        joint=is_joint(inputs.tokenized),
        recordings=spoken,
        params=content.params_tables(
            # What has no effect on texts is not shown with them.
            {name: values for name, values in params.items() if spoken or name != "features"}
        ),
        sentences=sentences,
        worst=worst,
        maps=sum(row["attention"] is not None for row in sentences),
        source_tag=language_tag(corpus["src_lang"]),
        target_tag=language_tag(corpus["tgt_lang"]),
    )  # fmt: skip
