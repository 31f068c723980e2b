"""What came of experiments, the best by dev score first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.metrics import METRICS, judged_by
from attn2seq.runs.circumstances import git
from attn2seq.runs.restore import recorded_scores
from attn2seq.runs.revisions import experiments
from attn2seq.workspace.paths import CATALOGUE, DVC_LOCK, PARAMS, SCORES

FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """An experiment; without scores where it failed."""

    name: str
    corpus: str
    metric: str  # the score that its corpus judges by
    dev: float | None
    test: float | None


def result_rows(root: Path, names: Sequence[str], corpora: Sequence[str]) -> list[Row]:
    """The experiments of these names, each on its corpus, the best first and the failed last."""
    rows = []
    for name, corpus in zip(names, corpora, strict=True):
        entry = read_catalogue_entry(CATALOGUE, corpus)
        metric = judged_by(entry.model_dump())
        scores = _scores(root, name)
        rows.append(
            Row(name, corpus, metric, *(_score(scores, split, metric) for split in ("dev", "test")))
        )
    return sorted(rows, key=cmp_to_key(_order))


def best_of(rows: Sequence[Row]) -> list[str]:
    """The names of the rows with the best score, of rows as `result_rows` sorts them."""
    scored = [row for row in rows if row.dev is not None]
    return [row.name for row in scored if not _order(scored[0], row)]


def table(rows: Sequence[Row]) -> list[str]:
    """The rows for a terminal."""
    width = max(len("experiment"), *(len(row.name) for row in rows)) + 2
    lines = []
    corpora = list(dict.fromkeys(row.corpus for row in rows))
    last = None
    for row in rows:
        if row.corpus != last:
            last = row.corpus
            lines += ["", row.corpus] if len(corpora) > 1 else []
            dev, test = (f"{split} {row.metric}" for split in ("dev", "test"))
            lines.append(f"{'experiment':{width}}{dev:>22}{test:>22}")
        lines.append(f"{row.name:{width}}{_cell(row.dev):>22}{_cell(row.test):>22}")
    return lines[1:] if len(corpora) > 1 else lines


def markdown_table(rows: Sequence[Row]) -> str:
    """The rows as the description of the sweep's parent run."""
    lines = ["| experiment | corpus | score | dev | test |", "|---|---|---|---:|---:|"]
    for row in rows:
        cells = (row.name, row.corpus, row.metric, _cell(row.dev), _cell(row.test))
        lines.append(f"| {' | '.join(cells)} |")
    return "The best by dev score first.\n\n" + "\n".join(lines)


def _order(one: Row, other: Row) -> int:
    if one.corpus != other.corpus:
        return -1 if one.corpus < other.corpus else 1
    first, second = (math.nan if row.dev is None else row.dev for row in (one, other))
    better = METRICS[one.metric].better
    return int(better(second, first)) - int(better(first, second))


def _scores(root: Path, name: str) -> dict[str, dict[str, float | None]]:
    commits = [state.commit for state in experiments(root) if state.exp_name == name]
    if not commits:
        return {}
    lock, params, scores = (
        git(root, "show", f"{commits[0]}:{path}") for path in (DVC_LOCK, PARAMS, SCORES)
    )
    return recorded_scores(lock, params, scores)


def _score(scores: dict[str, dict[str, float | None]], split: str, metric: str) -> float | None:
    return scores.get(split, {}).get(metric)


def _cell(value: float | None) -> str:
    return FAILED if value is None else f"{value:.2f}"
