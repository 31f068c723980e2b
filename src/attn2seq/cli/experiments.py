"""Every DVC experiment in a table that a terminal can hold: its scores, and what it changed.

`dvc exp show` has a column for each param and each metric, and shows whatever scores lie beside
whatever params. Here a line has the test scores that count, if they are those of its own params,
and below it stand the params in which it differs from the commit that it started from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.config import flat_params, read_yaml
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS, judged_by, leading
from attn2seq.runs.circumstances import git
from attn2seq.runs.restore import recorded_scores
from attn2seq.runs.revisions import State, experiments, yaml_of
from attn2seq.workspace.paths import CATALOGUE, DVC_LOCK, PARAMS, SCORES
from attn2seq.workspace.stage import main_root

WIDTH = 80
NAME_WIDTH = 30
# No result follows from these sections.
APART = ("report.", "track.")
QUEUE = "refs/exps/celery/stash"


@dataclass(frozen=True)
class Row:
    """The workspace, a commit or an experiment."""

    name: str
    params: Mapping[str, str]  # by dotted name
    scores: Mapping[str, float | None]  # of test, by metric; empty where they are not its own

    @property
    def corpus(self) -> str:
        """On which it was trained; scores of others do not compare."""
        return self.params.get("download.corpus", "unknown")


# A commit, and the experiments that began there.
Group = tuple[Row, list[Row]]


def list_experiments() -> list[str]:
    """The lines to print. Raises UserError."""
    root = main_root()
    lines = table(list(groups_of(root)))
    queued = len((git(root, "reflog", "show", "--format=%h", QUEUE) or b"").split())
    if queued:
        lines += ["", f"{queued} more in DVC's queue: `dvc queue status` shows them"]
    return lines


def groups_of(root: Path) -> Iterator[Group]:
    """First HEAD with the workspace, which is a change to it, then the other commits."""
    head = (git(root, "rev-parse", "HEAD") or b"").decode().strip()
    branch = (git(root, "rev-parse", "--abbrev-ref", "HEAD") or b"").decode().strip()
    begun: dict[str, list[Row]] = {head: [_workspace_row(root)]}
    for state in experiments(root):
        begun.setdefault(str(state.baseline), []).append(_row(root, state.label, state))
    for commit, rows in begun.items():
        named = branch if commit == head and branch != "HEAD" else commit[:7]
        yield _row(root, named, State(commit, None)), rows


def table(groups: Sequence[Group]) -> list[str]:
    """The lines, which 80 columns hold: a part for each corpus, in which the experiments of one
    commit are sorted by score.
    """
    every = [row for baseline, rows in groups for row in (baseline, *rows)]
    corpora = list(dict.fromkeys(row.corpus for row in every))
    lines: list[str] = []
    for corpus in corpora:
        lines += ["", corpus] if len(corpora) > 1 else []
        lines += _part(groups, corpus)
    return lines[1:] if len(corpora) > 1 else lines


def _judge(corpus: str) -> str | None:
    """The score that the corpus judges by; None where its entry cannot be read."""
    try:
        return judged_by(read_catalogue_entry(CATALOGUE, corpus).model_dump())
    except UserError:
        return None


def _part(groups: Sequence[Group], corpus: str) -> Iterator[str]:
    """The experiments on one corpus, and the commits that they began at."""
    of_corpus = [
        (baseline, [row for row in rows if row.corpus == corpus])
        for baseline, rows in groups
        if corpus in (baseline.corpus, *(row.corpus for row in rows))
    ]
    every = [row for baseline, rows in of_corpus for row in (baseline, *rows)]
    there = {name for row in every if row.corpus == corpus for name in row.scores}
    shown = leading(there, _judge(corpus))
    heads = "".join(f"{METRICS[name].label:>{_width(name)}}" for name in shown)
    yield f"{'params changed from the commit':{NAME_WIDTH}}{heads}".rstrip()
    for baseline, rows in of_corpus:
        # Its own scores are of another corpus, where experiments changed that.
        scores = baseline.scores if baseline.corpus == corpus else {}
        yield from _lines(baseline.name, scores, shown)
        for row in _sorted(rows, shown):
            yield from _lines(f"  {row.name}", row.scores, shown)
            yield from wrap(" ".join(_changes(row, baseline)), WIDTH, initial_indent=" " * 6,
                            subsequent_indent=" " * 6, break_on_hyphens=False)  # fmt: skip


def _workspace_row(root: Path) -> Row:
    def text(path: Path) -> bytes | None:
        return (root / path).read_bytes() if (root / path).is_file() else None

    params = read_yaml(root / PARAMS)
    return _row_of("workspace", params, text(DVC_LOCK), text(PARAMS), text(SCORES))


def _row(root: Path, name: str, state: State) -> Row:
    lock, params, scores = (
        git(root, "show", f"{state.commit}:{path}") for path in (DVC_LOCK, PARAMS, SCORES)
    )
    return _row_of(name, yaml_of(root, state.commit, PARAMS), lock, params, scores)


def _row_of(
    name: str,
    values: Mapping[str, Any],
    lock: bytes | None,
    params: bytes | None,
    scores: bytes | None,
) -> Row:
    found = recorded_scores(lock, params, scores)
    return Row(name, flat_params(values), found.get("test", {}))


def _sorted(rows: Sequence[Row], shown: Sequence[str]) -> list[Row]:
    """By the first score, the best first; what has none yet stays behind."""
    if not shown:
        return list(rows)
    sign = -1 if METRICS[shown[0]].higher_is_better else 1
    return sorted(
        rows,
        key=lambda row: (
            (score := row.scores.get(shown[0])) is None,
            sign * (score or 0.0),
        ),
    )


def _lines(label: str, scores: Mapping[str, float | None], shown: Sequence[str]) -> Iterator[str]:
    """A long name has lines of its own: cut short, `dvc exp apply` would not know it."""
    cells = "".join(_cell(scores.get(name), name) for name in shown)
    if len(label) >= NAME_WIDTH:
        indent = " " * (len(label) - len(label.lstrip()))
        yield from wrap(label.strip(), WIDTH, initial_indent=indent, subsequent_indent=indent,
                        break_on_hyphens=False)  # fmt: skip
        label = ""
    yield f"{label:{NAME_WIDTH}}{cells}".rstrip()


def _changes(row: Row, baseline: Row) -> Iterator[str]:
    for name, value in sorted(row.params.items()):
        if not name.startswith(APART) and value != baseline.params.get(name):
            yield f"{name}={value}"


def _cell(score: float | None, name: str) -> str:
    return f"{'–' if score is None else METRICS[name].written(score):>{_width(name)}}"


def _width(name: str) -> int:
    """That of a score's column: of its label, with room before it."""
    return max(8, len(METRICS[name].label)) + 2
