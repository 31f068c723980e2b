"""The Makefile where a user would stumble: a folder that was moved, a narrow terminal."""

import os
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


STUB = """#!/bin/sh
echo "$(basename "$0") $*" >>log
case "$*" in
"-m venv"*)
    mkdir -p .venv/bin
    for name in python attn2seq dvc; do cp "$0" .venv/bin/$name; done ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("cloned", [True, False])
def test_sources_without_git_work_and_say_what_does_not(tmp_path: Path, cloned: bool) -> None:
    """An archive of the sources ("Download ZIP") is told so before DVC looks for git."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    stub = tmp_path / "stub"
    stub.write_text(STUB)
    stub.chmod(0o755)
    if cloned:
        subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["make", f"PYTHON={stub}", ".venv/ready"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )  # fmt: skip
    told = "experiments and compare need one (git init)" in done.stdout
    calls = (tmp_path / "log").read_text().splitlines()
    assert told == ("dvc config --quiet --local core.no_scm true" in calls) == (not cloned)
