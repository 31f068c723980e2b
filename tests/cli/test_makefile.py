"""The Makefile where a user would stumble: a folder that was moved, a narrow terminal."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("moved", [True, False])
def test_an_environment_made_elsewhere_is_made_again(tmp_path: Path, moved: bool) -> None:
    """Its programs name the Python of the old place, which is gone."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    ready = tmp_path / ".venv/ready"
    ready.parent.mkdir()
    ready.write_text(f"{tmp_path.parent if moved else tmp_path.resolve()}\n")
    done = subprocess.run(
        ["make", "help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "repro" in done.stdout
    assert ready.exists() == (not moved)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_80_columns_hold_the_help() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) > 15
    assert [line for line in lines if len(line) > 80] == []
