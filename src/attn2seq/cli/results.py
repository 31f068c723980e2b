"""`attn2seq results`: the recorded runs, and which of them are older than the code they name.

benchmarks/results/recorded/ holds a JSON file for each table of docs/results.md, which
`python -m benchmarks.tables` writes. A row keeps the digest of the code of its stages, download to
evaluate; where today's digest is another, a run of today may score otherwise.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from attn2seq.config import Settings, unique_keys, validate
from attn2seq.errors import UserError
from attn2seq.workspace.code_digests import code_digest, is_generated
from attn2seq.workspace.fingerprint import RUN_STAGES

RECORDED = Path("benchmarks/results/recorded")
CURRENT, OLDER, BEFORE_DIGESTS = "current", "older", "before digests"
NAME_WIDTH, COMMIT_WIDTH = 48, 15

Text = Annotated[str, Field(min_length=1)]
Changes = dict[str, dict[str, Any]]
Value = float | int | str | list[float] | None


class RecordedRun(Settings):
    """A row of a table: what was run, where, with which code, and what came of it."""

    name: Text
    recipe: Text
    """Of recipes/, without .yaml."""
    changes: Changes
    """Section -> key -> value, where the params were not the recipe's."""
    compared_with: Changes | None = None
    """The same for the run that a row of two runs sets itself beside."""
    corpus: Text
    seeds: list[int]
    """Those of training; several: runs that differ in nothing else."""
    hardware: Text
    """Processor, threads, number type and version of torch."""
    signatures: dict[str, str]
    """Metric -> how it was computed."""
    results: dict[str, Value]
    """Column -> value; None where it was not kept. Percentages on the 0-100 scale."""
    commit: Text
    """The commit that was checked out; before digests, that which recorded the row, if no more is
    known."""
    code: str | None
    """Digest of the code; None for a run that was recorded before there were digests."""


class RecordedTable(Settings):
    """A table of docs/results.md."""

    heading: Text
    """Of the first column."""
    columns: dict[str, str]
    """Those that the page shows, each with its format as in f-strings."""
    rows: Annotated[list[RecordedRun], Field(min_length=1)]
    notes: list[str]
    """Sentences to stand below."""


def results_table(root: Path) -> list[str]:
    """A line for each recorded run under its table's name, no wider than 80 columns.

    Raises UserError.
    """
    states = States(root)
    lines, older, of_all = [], [], 0
    for name, table in read_tables(root).items():
        lines += [f"{name:{NAME_WIDTH + 2}}{'commit':{COMMIT_WIDTH}}code"]
        for row in table.rows:
            state = states.of(row)
            shown = row.name if len(row.name) < NAME_WIDTH else f"{row.name[: NAME_WIDTH - 2]}…"
            lines.append(f"  {shown:{NAME_WIDTH}}{row.commit[:14]:{COMMIT_WIDTH}}{state}")
            of_all += 1
            older += [name] if state != CURRENT else []
        lines.append("")
    if not older:
        return [*lines, f"All {of_all} runs were made by the code as it is."]
    return [
        *lines,
        f"{len(older)} of {of_all} runs are older than the code they name.",
        "docs/results.md says how each table is made again.",
    ]


class States:
    """How the code of a recorded run stands to that under `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[bool, str] = {}

    def of(self, row: RecordedRun) -> str:
        """`current`, `older` or `before digests`. Raises UserError where code cannot be read."""
        if row.code is None:
            return BEFORE_DIGESTS
        return CURRENT if row.code == self.digest(row.corpus) else OLDER

    def digest(self, corpus: str) -> str:
        """That of today's code for a run on the corpus."""
        generated = is_generated(self._root, {"download": {"corpus": corpus}})
        if generated not in self._digests:
            self._digests[generated] = code_digest(self._root, RUN_STAGES, generated)
        return self._digests[generated]


def read_tables(root: Path) -> dict[str, RecordedTable]:
    """The recorded tables by name, sorted. Raises UserError naming file and key."""
    files = sorted((root / RECORDED).glob("*.json"))
    if not files:
        raise UserError(f"no recorded runs in {root / RECORDED}: they are part of the repository")
    return {path.stem: read_table(path) for path in files}


def read_table(path: Path) -> RecordedTable:
    """One recorded table. Raises UserError."""
    try:
        parse = partial(json.loads, object_pairs_hook=unique_keys)
        values: Mapping[str, Any] = parse(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    table = validate({path.stem: RecordedTable}, {path.stem: values}, source=str(path))[path.stem]
    assert isinstance(table, RecordedTable)
    names = [row.name for row in table.rows]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path}: two rows are named {name!r}; a row's name is its own")
    return table
