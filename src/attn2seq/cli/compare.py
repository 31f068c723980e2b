"""Sets the workspace's run beside another: a table, and on demand a page in results/compare/.

python -m attn2seq.cli.compare greedy             a DVC experiment, commit, tag, branch or folder
python -m attn2seq.cli.compare --page HEAD~1      writes the page, too
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from attn2seq.cli.against import run_against, workspace_run
from attn2seq.comparison.compare import compare_runs
from attn2seq.comparison.page import write_page
from attn2seq.comparison.table import comparison_lines
from attn2seq.config import read_yaml, validate
from attn2seq.errors import UserError
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.report.settings import ReportSettings
from attn2seq.workspace.paths import COMPARISONS, CORPUS, PARAMS, PREPARED


def main(arguments: list[str]) -> int:
    """The exit status: 1 after a user's mistake."""
    parser = argparse.ArgumentParser(prog="attn2seq.cli.compare", description=__doc__)
    parser.add_argument("--page", action="store_true", help=f"write a page into {COMPARISONS}, too")
    parser.add_argument("against", help="a commit, tag, branch, DVC experiment or folder")
    options = parser.parse_args(arguments)
    try:
        print("\n".join(compare(options.against, options.page)))
    except UserError as error:
        print(f"compare: error: {error}", file=sys.stderr)
        return 1
    return 0


def compare(against: str, page: bool) -> list[str]:
    """The lines to print. Raises UserError."""
    if not against.strip():
        raise UserError(
            "say with what: `make compare AGAINST=main`, or another branch, tag, commit, DVC "
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
        theirs = run_against(against, Path(scratch, "theirs"))
        prepared = ours.results.parent / PREPARED
        compared = compare_runs(ours, theirs, prepared, scoring)
        lines = comparison_lines(ours, theirs, compared, scoring.bootstrap_samples)
        if page:
            path = COMPARISONS / f"{file_name(against)}.html"
            write_page(ours, theirs, compared, prepared / CORPUS.name, shown, path)
            lines += ["", f"open {path.resolve()}"]
    return lines


def file_name(name: str) -> str:
    """`file_name("origin/main~2")` gives `origin-main-2`."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "run"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
