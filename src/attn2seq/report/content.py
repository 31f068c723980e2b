"""What the page says outside the browser of sentences: tables and curves, from the results."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from attn2seq.config import flat_params
from attn2seq.metrics import METRICS, Metric, in_order
from attn2seq.report.figures import LineChart, line_chart, thin

MOST_POINTS = 240


@dataclass(frozen=True)
class Score:
    """A score with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ScoreRow:
    """One metric on both splits, with how it was computed."""

    metric: Metric
    test: Score
    dev: Score
    signature: str


@dataclass(frozen=True)
class Table:
    """Named columns, and rows that each begin with their name; a cell may be empty."""

    columns: list[str]
    rows: list[tuple[str, list[Any]]]


def score_rows(
    metrics: Mapping[str, Any], signatures: Mapping[str, Any], judge: str
) -> dict[str, ScoreRow]:
    """The metrics by name, the one that judges first."""

    def score(split: str, name: str) -> Score:
        found = signatures[split][name]
        return Score(metrics[split][name], found["low"], found["high"])

    return {
        name: ScoreRow(
            METRICS[name],
            score("test", name),
            score("dev", name),
            signatures["test"][name]["signature"],
        )
        for name in in_order(metrics["test"], judge)
    }


def bucket_columns(judged: str) -> dict[str, str]:
    """The scores shown of each bucket, the one drawn as a bar first.

    That is exact match for corpora judged by whole lines, whose BLEU says little.
    """
    columns = {name: METRICS[name].label for name in ("bleu", "chrf", "exact_match")}
    first = judged if judged in columns else "exact_match"
    return {first: columns[first], **columns}


def learning_curves(history: Path, best_step: int | None) -> list[LineChart]:
    """Loss, accuracy, alignment, learning rate and gradient norm over the steps of training."""
    points = partial(history_points, pd.read_csv(history))

    charts = [
        line_chart(
            "Loss, nats per token",
            [("train", points("train_loss")), ("dev", points("dev_loss"))],
            best_step,
        ),
        line_chart("Dev token accuracy, %", [("dev", points("dev_accuracy"))], best_step),
        line_chart(
            "How far attention follows the source (correlation of positions)",
            [("dev", points("dev_alignment"))],
            best_step,
        ),
        line_chart("Learning rate", [("train", points("train_learning_rate"))], best_step),
        line_chart("Gradient norm", [("train", points("train_grad_norm"))], best_step),
    ]
    return [chart for chart in charts if chart]


def history_points(table: pd.DataFrame, column: str) -> list[tuple[float, float]]:
    """The curve of one column over steps, as many points as a chart can show."""
    rows = table[["step", column]].dropna() if column in table else table.iloc[:0, :2]
    pairs = [(float(x), float(y)) for x, y in rows.itertuples(index=False)]
    return thin(pairs, MOST_POINTS)


def bucket_label(bucket: Mapping[str, Any]) -> str:
    """The values of a bucket: `4–6`, `0` or `200 and more`."""
    low, high = bucket["low"], bucket["high"]
    if high is None:
        return f"{low:,} and more"
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def rows_table(prepared: Mapping[str, Any]) -> Table:
    """Rows kept and dropped: splits as columns, nested keys as rows ("dropped, duplicate")."""
    splits = [name for name in ("train", "dev", "test") if isinstance(prepared.get(name), Mapping)]
    flat = {name: _flat(prepared[name]) for name in splits}
    names = list(dict.fromkeys(name for values in flat.values() for name in values))
    rows = [(name.replace("_", " "), [flat[split].get(name) for split in splits]) for name in names]
    return Table(splits, rows)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a": {"b": 1}, "c": 2}` gives `{"a, b": 1, "c": 2}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        inner = _flat(value) if isinstance(value, Mapping) else None
        flat |= {key: value} if inner is None else {f"{key}, {k}": v for k, v in inner.items()}
    return flat


def params_tables(params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The settings by section, values written as in the file."""
    return {
        section: flat_params(values)
        for section, values in params.items()
        if isinstance(values, Mapping)
    }
