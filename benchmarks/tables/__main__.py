"""Make the tables of docs/results.md.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.tables [TABLE ...]

The tables are `kinds` (kinds of attention, three seeds each), `recipes`, `multi30k`, `number_types`
(the fast bfloat16 and the plain float32, three seeds each), `batches` (R1 in large ones and in
small ones, three seeds each) and `techniques`; without a name all of them. Finished runs are read
back and an interrupted one goes on, so that the command can be stopped and given again.

`--workspace` records the run of the workspace, which `make repro` made, as its corpus's row of the
table `corpora`. `--render` runs nothing and writes the page from the records, with marks that tell
which rows' code has changed since.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from attn2seq.cli.results import RECORDED, RecordedTable, read_table, read_tables
from attn2seq.errors import UserError
from benchmarks.machine import ROOT
from benchmarks.tables import classics
from benchmarks.tables.records import render, with_row, write_record
from benchmarks.tables.techniques import techniques_table
from benchmarks.tables.workspace import CORPORA, workspace_row

TABLES: dict[str, Callable[[], RecordedTable]] = {
    **classics.TABLES,
    "techniques": techniques_table,
}


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 after a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables")
    parser.add_argument("names", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--workspace", action="store_true", help="record the workspace's run")
    parser.add_argument("--render", action="store_true", help="only write the page")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in TABLES]:
        parser.error(f"no table {unknown[0]}; there are {', '.join(TABLES)}")
    try:
        if asked.workspace:
            table = read_table(ROOT / RECORDED / f"{CORPORA}.json")
            write_record(ROOT, CORPORA, with_row(table, workspace_row(ROOT)))
        elif not asked.render:
            for name in asked.names or TABLES:
                write_record(ROOT, name, TABLES[name]())
        for name, table in read_tables(ROOT).items():
            render(ROOT, name, table)
    except UserError as error:
        print(f"tables: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
