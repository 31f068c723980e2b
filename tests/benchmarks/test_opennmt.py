"""The comparison with OpenNMT-py, which is played by a script."""

import os
import stat
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from benchmarks import opennmt


def player(folder: Path, text: str) -> str:
    """A command that prints the text whatever it is asked."""
    command = folder / "python"
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n", encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return os.fspath(command)


def test_the_median_of_the_reports_after_the_warm_up_counts(tmp_path: Path) -> None:
    reports = [(80, 9), (100, 8), (120, 5), (140, 1), (160, 3)]
    lines = [
        f"INFO] Step {step}/ 200; acc: 1; {tgt + 50}/{tgt} tok/s; 7 sec" for step, tgt in reports
    ]
    assert opennmt.opennmt(player(tmp_path, "\n".join(lines)), tmp_path, feeding=True) == 3


def test_what_it_said_is_shown_where_it_did_not_train(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No module named onmt"):
        opennmt.opennmt(player(tmp_path, "No module named onmt"), tmp_path, feeding=False)
