"""The records behind docs/results.md: how a table is kept, and how the page shows it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attn2seq.cli.results import CURRENT, RECORDED, RecordedRun, RecordedTable, States, Value
from attn2seq.whole import whole_file

MARK = " †"  # beside the commit of a row whose code has changed since
PAGE = Path("docs/results.md")


def write_record(root: Path, name: str, table: RecordedTable) -> None:
    """Keep a table: a line for each field of a row, so that a diff shows what has changed."""
    values = table.model_dump()
    rows = ",\n".join(f"  {{\n{_fields(row, 3)}\n  }}" for row in values["rows"])
    rest = _fields({key: value for key, value in values.items() if key != "rows"}, 1)
    with whole_file(root / RECORDED / f"{name}.json") as beside:
        beside.write_text(f'{{\n{rest},\n "rows": [\n{rows}\n ]\n}}\n', encoding="utf-8")


def _fields(values: Mapping[str, Any], indent: int) -> str:
    return ",\n".join(
        f"{' ' * indent}{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
    )


def markdown(table: RecordedTable, states: States) -> list[str]:
    """The table as the page has it, with the commit and the code's digest of each row."""
    texts = {name for name in table.columns if _is_text(table, name)}
    lines = [
        _line([table.heading, *table.columns, "commit", "code"]),
        "|---|" + "".join("---|" if name in texts else "---:|" for name in table.columns)
        + "---|---|",
    ]  # fmt: skip
    for row in table.rows:
        state = states.of(row)
        cells = [_cell(row.results.get(name), form) for name, form in table.columns.items()]
        mark = "" if state == CURRENT else MARK
        lines.append(_line([row.name, *cells, row.commit + mark, row.code or state]))
    return [*lines, *(text for note in table.notes for text in ("", note))]


def render(root: Path, name: str, table: RecordedTable) -> None:
    """Put the table into the page."""
    write_table(root / PAGE, name, markdown(table, States(root)))


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


def with_row(table: RecordedTable, row: RecordedRun) -> RecordedTable:
    """The table with the row in the place of the one of its name, or at the end."""
    names = [one.name for one in table.rows]
    rows = [row if one.name == row.name else one for one in table.rows]
    return table.model_copy(update={"rows": rows if row.name in names else [*rows, row]})


def _is_text(table: RecordedTable, column: str) -> bool:
    values = [row.results.get(column) for row in table.rows]
    return any(isinstance(value, str | list) for value in values)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Value, form: str) -> str:
    """`[92.87, 94.39]` in the format `.2f` is `92.87, 94.39`."""
    if value is None:
        return "not kept"
    if isinstance(value, list):
        return ", ".join(format(one, form) for one in value)
    return value if isinstance(value, str) else format(value, form)
