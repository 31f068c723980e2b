"""Make the tables of docs/results.md.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.tables [TABLE ...]

The tables are `kinds` (kinds of attention, three seeds each), `recipes`, `multi30k`, `number_types`
(the fast bfloat16 and the plain float32, three seeds each), `batches` (R1 in large ones and in
small ones, three seeds each) and `techniques`; without a name all of them. Finished runs are read
back and an interrupted one goes on, so that the command can be stopped and given again.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attn2seq.whole import whole_file
from benchmarks.tables import classics
from benchmarks.tables.runs import ROOT
from benchmarks.tables.techniques import techniques_table

TABLES: dict[str, Callable[[], list[str]]] = {**classics.TABLES, "techniques": techniques_table}
RESULTS = ROOT / "docs" / "results.md"


def write_table(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put the lines between the marks of that name, or at the end where there are none."""
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- table {name} -->\n", f"<!-- end of table {name} -->"
    if begin not in text:
        text += f"\n## Table: {name}\n\n{begin}{end}\n"
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    with whole_file(path) as beside:
        beside.write_text(before + begin + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


def written_at() -> str:
    """The commit and the date of writing; a run that is read back may have been made before."""
    command = ["git", "log", "-1", "--format=Written at commit %h, %cs."]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout[:-1]


def main(names: Sequence[str]) -> None:
    for name in names or TABLES:
        lines = [*TABLES[name](), "", written_at()]
        print("\n".join(lines), flush=True)
        write_table(RESULTS, name, lines)


if __name__ == "__main__":
    main(sys.argv[1:])
