"""How far a training has come: its counters, and its curve, which can be read meanwhile."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

Row = dict[str, float | int]

COLUMNS = (
    "step",
    "epoch",
    "train_loss",  # a token, since the row before: all that is minimised but weight penalties
    "train_learning_rate",
    "train_grad_norm",  # before clipping, of the row's own step
    "train_tokens",  # target tokens seen since the start
    "dev_loss",  # nats per token, plain
    "dev_perplexity",
    "dev_accuracy",  # per cent of tokens predicted right under teacher forcing
    "dev_alignment",  # correlation of target positions with those attended to; blank without any
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


@dataclass
class Progress:
    """With the optimizer's, the averages' and the random states, all that a resume needs."""

    epoch: int = 0  # passes finished
    epoch_steps: int = 0  # optimizer steps made in this pass
    tokens: int = 0  # target tokens seen since the start
    best_loss: float = float("inf")  # lowest dev loss, nats per token
    best_step: int = 0
    looks_without_gain: int = 0
    finished: bool = False
    # Summed since the last row of the history; where the model is, so that no step waits for it.
    window_loss: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    window_tokens: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
