"""Compares the workspace's run with another: a table, and on demand a page in results/compare/."""

import re
import tempfile
from pathlib import Path

from attn2seq.comparison.compare import compare_runs
from attn2seq.comparison.page import write_page
from attn2seq.comparison.table import comparison_lines, recorded_lines
from attn2seq.config import read_yaml, validate
from attn2seq.errors import UserError
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.report.settings import ReportSettings
from attn2seq.runs.against import REMEDY, run_against, workspace_run
from attn2seq.workspace.paths import COMPARISONS, PARAMS, PREPARED


def compare_with(against: str, page: bool, here: Path) -> list[str]:
    """The lines to print; a folder's path begins at `here`. Raises UserError."""
    if not against.strip():
        raise UserError(
            "name a run: `make compare AGAINST=main`, or another branch, tag, commit, DVC "
            "experiment (`dvc exp list`) or folder of results"
        )
    sections = validate(
        {"evaluate": EvaluateSettings, "report": ReportSettings}, read_yaml(PARAMS), str(PARAMS)
    )
    scoring, shown = sections["evaluate"], sections["report"]
    assert isinstance(scoring, EvaluateSettings)
    assert isinstance(shown, ReportSettings)
    with tempfile.TemporaryDirectory() as scratch:
        ours = workspace_run(Path(scratch, "ours"))
        theirs = run_against(against, Path(scratch, "theirs"), here)
        if theirs.lacks:
            lines = recorded_lines(ours, theirs, REMEDY)
            return [*lines, "", "no page: it needs the sentences"] if page else lines
        prepared = ours.results.parent / PREPARED
        compared = compare_runs(ours, theirs, prepared, scoring)
        lines = comparison_lines(ours, theirs, compared, scoring.bootstrap_samples)
        if page:
            path = COMPARISONS / f"{file_name(against)}.html"
            write_page(ours, theirs, compared, prepared / "corpus.json", shown, path)
            lines += ["", f"open {path.resolve()}"]
    return lines


def file_name(name: str) -> str:
    """`file_name("origin/main~2")` gives `origin-main-2`."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "run"
