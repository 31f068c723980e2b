"""The training curve: one row each few steps, in a file that can be read while training runs."""

import csv
from collections.abc import Callable
from pathlib import Path

Row = dict[str, float | int]

COLUMNS = (
    "step",
    "epoch",
    "train_loss",  # a token, since the row before: all that is minimised but weight penalties
    "train_learning_rate",
    "train_grad_norm",  # before clipping, of the row's own step
    "train_tokens",  # target tokens seen since the start
    "dev_loss",  # nats a token, plain
    "dev_perplexity",
    "dev_accuracy",  # per cent of tokens predicted right under teacher forcing
)


class History:
    """The rows so far, in memory and in a CSV file; a cell is blank where nothing was measured."""

    def __init__(self, path: Path, also: Callable[[Row], None] | None = None) -> None:
        """`also` is called with each new row, for what may not stand in the file: times."""
        self.path = path
        self.also = also
        self.rows: list[Row] = []
        self._write([], "w")

    def add(self, row: Row) -> None:
        """Append a row to the file at once."""
        self.rows.append(row)
        self._write([row], "a")
        if self.also:
            self.also(row)

    def restore(self, rows: list[Row]) -> None:
        """Begin again with the rows of an earlier run."""
        self.rows = list(rows)
        self._write(self.rows, "w")

    def _write(self, rows: list[Row], mode: str) -> None:
        with self.path.open(mode, encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if mode == "w":
                writer.writeheader()
            writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)


def _text(value: float | int) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
