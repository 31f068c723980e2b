"""A Python that cannot run the stages: told before DVC has removed what takes long to make."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.environment import PYPROJECT, fault_of_python

ROOT = Path(__file__).parents[2]


def test_this_python_has_all_packages() -> None:
    assert fault_of_python(PYPROJECT) is None


def test_what_is_lacking_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\ndependencies = ["numpy>=2", "none-such>=1,<2", "nor this"]\n')
    assert fault_of_python(file) == "lacks the packages none-such, nor"


@pytest.mark.parametrize("stage", ["code_digests", "check"])
def test_a_stage_under_dvc_ends_with_the_remedy(stage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", f"pipeline.{stage}"],  # -S: without installed packages
        cwd=ROOT,
        env=os.environ | {"DVC_STAGE": stage, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: the Python that runs the stages, {sys.executable}, ")
    assert "lacks the packages defusedxml, " in done.stderr
    assert "source .venv/bin/activate" in done.stderr
