"""DVC in a terminal: the stages and its messages line by line, and no bars between them."""

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from attn2seq.workspace.quiet_dvc import BAR_LOGGERS, dvc_command

PLAIN = [sys.executable, "-m", "dvc"]
STAGES = """stages:
  copy:
    cmd: mkdir copied && cp files/* copied
    deps: [files]
    outs: [copied]
  fail:
    cmd: exit 3
    deps: [copied]
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage that copies a folder, and one that fails."""
    root = tmp_path_factory.mktemp("pipeline")
    (root / "files").mkdir()
    for number in range(20):
        (root / "files" / str(number)).write_text(f"{number}\n", encoding="utf-8")
    (root / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    subprocess.run([*PLAIN, "init", "--quiet", "--no-scm"], cwd=root, check=True)
    return root


def in_terminal(command: list[str], cwd: Path) -> str:
    """What it writes into a terminal of 80 columns."""
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    with subprocess.Popen(
        command, cwd=cwd, stdin=writer, stdout=writer, stderr=writer, start_new_session=True
    ):
        os.close(writer)
        written = b""
        while True:
            try:
                part = os.read(reader, 65536)
            except OSError:  # how a terminal ends on Linux
                break
            if not part:
                break
            written += part
    os.close(reader)
    return written.decode().replace("\r\n", "\n")


def test_stages_and_errors_are_shown_without_bars(pipeline: Path) -> None:
    shown = in_terminal(dvc_command("repro"), pipeline)
    assert "\r" not in shown
    assert "Running stage 'copy'" in shown
    assert "failed to reproduce 'fail'" in shown


def test_dvc_itself_draws_bars(pipeline: Path) -> None:
    """Or nothing would be proved above."""
    assert "\r" in in_terminal([*PLAIN, "repro", "--force", "copy"], pipeline)


def test_its_loggers_of_bars_have_these_names() -> None:
    import dvc.progress
    import dvc_data.callbacks

    found = (dvc.progress.logger.name, dvc_data.callbacks.logger.name)
    assert found == BAR_LOGGERS


def test_the_makefile_runs_no_other_dvc() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    recipes = [line for line in makefile.splitlines() if line.startswith("\t")]
    assert [line for line in recipes if "dvc repro" in line.replace("quiet_dvc", "")] == []
