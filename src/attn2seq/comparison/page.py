"""Two runs on one page: an HTML file that needs nothing else, in the style of the report."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import pandas as pd

from attn2seq.comparison.compare import LEVEL, ComparedSplit, differing_params
from attn2seq.comparison.runs import Run
from attn2seq.comparison.sentences import differing_sentences, outcomes
from attn2seq.evaluation.texts import read_json
from attn2seq.metrics import METRICS, judged_by, leading
from attn2seq.report.content import history_points
from attn2seq.report.figures import LineChart, line_chart
from attn2seq.report.settings import ReportSettings
from attn2seq.report.templating import language_tag, page_environment
from attn2seq.whole import whole_file

TEMPLATES = Path(__file__).parent / "templates"
PACKAGES = ("torch", "numpy", "sentencepiece", "sacrebleu", "rouge-score")
CURVES = {
    "dev_loss": "Dev loss, nats per token",
    "train_loss": "Train loss, nats per token",
    "dev_accuracy": "Dev token accuracy, %",
    "dev_alignment": "How far attention follows the source (correlation of positions)",
    "train_learning_rate": "Learning rate",
}


def write_page(
    ours: Run,
    theirs: Run,
    compared: Mapping[str, ComparedSplit],
    corpus: Path,
    settings: ReportSettings,
    output: Path,
) -> None:
    """Write the page to the file `output`; `corpus` is the corpus description.

    Raises UserError where a result is missing.
    """
    html = render_page(ours, theirs, compared, corpus, settings)
    with whole_file(output) as beside:
        beside.write_text(html, encoding="utf-8")


def render_page(
    ours: Run,
    theirs: Run,
    compared: Mapping[str, ComparedSplit],
    corpus: Path,
    settings: ReportSettings,
) -> str:
    """The page's text. Raises UserError where a result is missing."""
    described = read_json(corpus)
    sentences = differing_sentences(ours, theirs, settings.sentences)
    return page_environment(TEMPLATES).get_template("against.html").render(
        corpus=described,
        ours=ours,
        theirs=theirs,
        packages={"Python": python_version()} | {name: version(name) for name in PACKAGES},
        compared=compared,
        headline=leading(compared["test"].scores, judged_by(described)),
        metrics=METRICS,
        level=LEVEL,
        params=differing_params(ours, theirs),
        curves=common_curves(ours, theirs),
        outcomes=outcomes(ours, theirs),
        sentences=sentences,
        source_tag=language_tag(described["src_lang"]),
        target_tag=language_tag(described["tgt_lang"]),
    )  # fmt: skip


def common_curves(ours: Run, theirs: Run) -> list[LineChart]:
    """The curves of both trainings, two in each chart, over optimizer steps."""
    tables = {
        name: pd.read_csv(run.results / "train/history.csv")
        for name, run in (("this", ours), ("other", theirs))
    }
    charts = [
        line_chart(
            title, [(name, history_points(table, column)) for name, table in tables.items()], None
        )
        for column, title in CURVES.items()
    ]
    return [chart for chart in charts if chart]
