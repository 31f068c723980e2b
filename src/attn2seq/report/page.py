"""The report: one HTML file that needs nothing else, the same bytes from the same results."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attn2seq.errors import UserError
from attn2seq.report import content, figures
from attn2seq.report.hygiene import LONG_FACTOR, data_tables
from attn2seq.report.sentences import browsed_sentences
from attn2seq.report.settings import ReportSettings
from attn2seq.whole import whole_file

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class ReportInputs:
    """Where the results lie: the folders of the stages, and the corpus description."""

    prepare: Path
    train: Path
    decode: Path
    evaluate: Path
    corpus: Path


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
    sentences = browsed_sentences(sentences_file, inputs.decode / "test", settings)
    return _environment().get_template("index.html").render(
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
        params=content.params_tables(params),
        sentences=sentences,
        maps=sum(row["attention"] is not None for row in sentences),
        source_tag=language_tag(corpus["src_lang"]),
        target_tag=language_tag(corpus["tgt_lang"]),
    )  # fmt: skip


def language_tag(language: str | None) -> str:
    """What a browser may be told of a text's language: `zxx`, no language, for made-up ones."""
    known = re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language or "")
    return language if known and language else "zxx"


def json_block(values: Any) -> Markup:
    """JSON that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json_block": json_block, "bucket": content.bucket_label}
    environment.globals |= {
        "box": {name: getattr(figures, name) for name in
                ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")},
        "own": _own_source,
    }  # fmt: skip
    return environment


def _own_source(name: str) -> Markup:
    """A style or script of this package: the only text that goes into the page unescaped."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _missing(path) from None
    assert isinstance(values, dict)
    return values


def _missing(path: Path) -> UserError:
    return UserError(f"{path} is missing: run the stage that writes it (make repro)")
