"""What every reader gives: rows."""

from typing import NamedTuple


class Row(NamedTuple):
    """A source and its targets; the first is the target, all are references."""

    line: int  # in the file, from 1; of a parquet table the row, of a folder the document
    src: str
    targets: list[str]
