"""Every DVC experiment in a table that a terminal can hold: its scores, and what it changed.

`dvc exp show` has a column for each param and each metric. Here a line has the test scores that
count, and below it stand the params in which it differs from the commit that it started from.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.config import flat_params, read_yaml
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS, judged_by, leading
from attn2seq.runs.circumstances import git
from attn2seq.workspace.paths import CATALOGUE, PARAMS, SCORES
from attn2seq.workspace.stage import main_root

WIDTH = 80
NAME_WIDTH = 30
# No result follows from these sections.
APART = ("report.", "track.")

Row = Mapping[str, Any]


def list_experiments() -> list[str]:
    """The lines to print. Raises UserError."""
    root = main_root()
    return table(rows_of(root), _known_params(root), _judge(root))


def _judge(root: Path) -> str | None:
    """The score that the workspace's corpus judges by; None where its entry cannot be read."""
    try:
        corpus = read_yaml(root / PARAMS)["download"]["corpus"]
        return judged_by(read_catalogue_entry(root / CATALOGUE, corpus).model_dump())
    except (UserError, KeyError, TypeError):
        return None


def rows_of(root: Path) -> list[Row]:
    """DVC's rows: the workspace, then each commit with the experiments that began there.

    Raises UserError.
    """
    try:
        from dvc.api import exp_show
        from dvc.exceptions import DvcException
    except ImportError as error:
        raise UserError(
            f"DVC is not installed ({error}): pip install 'attn2seq[pipeline]'"
        ) from None
    try:
        rows: list[Row] = exp_show(str(root), revs=["HEAD", *_baselines(root)])
    except DvcException as error:
        raise UserError(f"DVC cannot list the experiments: {error}") from None
    return rows


def table(rows: Sequence[Row], params: set[str], judge: str | None = None) -> list[str]:
    """The lines, which 80 columns hold; experiments of one commit are sorted by the score that
    judges.
    """
    there = [name for name in METRICS if any(_score(row, name) is not None for row in rows)]
    shown = leading(there, judge)
    heads = "".join(f"{METRICS[name].label:>{_width(name)}}" for name in shown)
    lines = [f"{'params changed from the commit':{NAME_WIDTH}}{heads}"]
    for baseline, experiments in _groups(rows):
        for row in (baseline, *_sorted(experiments, shown)):
            lines += _lines(row, baseline, shown, params)
    return lines


def _baselines(root: Path) -> list[str]:
    """The commits that experiments began at: they stand in the experiments' refs."""
    listed = git(root, "for-each-ref", "--format=%(refname)", "refs/exps/??/*/*") or b""
    refs = [ref.split("/") for ref in listed.decode().split()]
    head = (git(root, "rev-parse", "HEAD") or b"").decode().strip()
    return [commit for commit in dict.fromkeys(ref[2] + ref[3] for ref in refs) if commit != head]


def _known_params(root: Path) -> set[str]:
    """The dotted names in params.yaml."""
    return set(flat_params(read_yaml(root / PARAMS)))


def _groups(rows: Sequence[Row]) -> Iterator[tuple[Row, list[Row]]]:
    """Each baseline with its experiments. The workspace comes first, as a change to HEAD."""
    workspace, *others = rows
    groups: list[tuple[Row, list[Row]]] = []
    for row in others:
        if row["typ"] == "baseline":
            groups.append((row, []))
        else:
            groups[-1][1].append(row)
    if groups:
        groups[0][1].insert(0, workspace)
    return iter(groups or [(workspace, [])])


def _sorted(experiments: Sequence[Row], shown: Sequence[str]) -> list[Row]:
    """By the first score, the best first; what has none yet stays behind."""
    if not shown:
        return list(experiments)
    sign = -1 if METRICS[shown[0]].higher_is_better else 1
    return sorted(
        experiments,
        key=lambda row: (
            (score := _score(row, shown[0])) is None,
            sign * (score or 0.0),
        ),
    )


def _lines(row: Row, baseline: Row, shown: Sequence[str], params: set[str]) -> list[str]:
    first = row is baseline
    name = row["Experiment"] or row["rev"]
    state = f" ({row['State'].lower()})" if row.get("State") else ""
    label = f"{name}{state}" if first else f"  {name}{state}"
    scores = "".join(_cell(_score(row, score), score) for score in shown)
    changes = " ".join(_changes(row, baseline, params))
    indent = " " * (4 if first else 6)
    return [
        f"{label[: NAME_WIDTH - 1]:{NAME_WIDTH}}{scores}".rstrip(),
        *wrap(changes, WIDTH, initial_indent=indent, subsequent_indent=indent,
              break_on_hyphens=False),
    ]  # fmt: skip


def _changes(row: Row, baseline: Row, params: set[str]) -> Iterator[str]:
    for name in sorted(params):
        if not name.startswith(APART) and row.get(name) != baseline.get(name):
            yield f"{name}={_plain(row.get(name))}"


def _score(row: Row, name: str) -> float | None:
    """DVC writes the file before a metric whose name stands in two of them."""
    for key in (f"test.{name}", f"{SCORES}:test.{name}"):
        if isinstance(row.get(key), int | float):
            return float(row[key])
    return None


def _cell(score: float | None, name: str) -> str:
    return f"{'–' if score is None else METRICS[name].written(score):>{_width(name)}}"


def _width(name: str) -> int:
    """That of a score's column: of its label, with room before it."""
    return max(8, len(METRICS[name].label)) + 2


def _plain(value: object) -> str:
    """DVC gives every number as a float: `5.0` was a 5."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
