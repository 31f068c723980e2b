"""The training curve in its file: there at once, blank where nothing was measured."""

import csv
from pathlib import Path

import pytest

from attn2seq.training.history import COLUMNS, History, Row


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_worked_example(tmp_path: Path) -> None:
    history = History(tmp_path / "history.csv")
    history.add({"step": 1234567890, "epoch": 0.5, "train_loss": 2 / 3})
    history.add({"step": 2, "dev_loss": 1e-9, "dev_accuracy": 50.0})
    assert history.path.read_bytes().decode() == (
        ",".join(COLUMNS) + "\n1234567890,0.5,0.666667,,,,,,,\n2,,,,,,1e-09,,50,\n"
    )


def test_each_row_is_in_the_file_before_the_next(tmp_path: Path) -> None:
    seen: list[tuple[Row, int]] = []
    path = tmp_path / "history.csv"
    history = History(path, also=lambda row: seen.append((row, len(read(path)))))
    assert read(path) == []
    rows: list[Row] = [{"step": 1}, {"step": 2}]
    for row in rows:
        history.add(row)
    assert seen == [(rows[0], 1), (rows[1], 2)]


def test_a_new_history_drops_an_old_file(tmp_path: Path) -> None:
    History(tmp_path / "history.csv").add({"step": 7})
    assert History(tmp_path / "history.csv").rows == []
    assert read(tmp_path / "history.csv") == []


def test_a_restored_history_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = History(tmp_path / "whole.csv"), History(tmp_path / "broken.csv")
    rows: list[Row] = [{"step": step, "train_loss": 1 / step} for step in (1, 2, 3)]
    for row in rows:
        whole.add(row)
    broken.add(rows[0])
    broken.add({"step": 99})  # after the checkpoint: training does it again
    earlier = rows[:2]
    broken.restore(earlier)
    broken.add(rows[2])
    assert broken.path.read_bytes() == whole.path.read_bytes()
    assert broken.rows == rows
    assert earlier == rows[:2]  # the list of the checkpoint is not the history's own


def test_a_column_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seconds"):
        History(tmp_path / "history.csv").add({"step": 1, "seconds": 3.0})
