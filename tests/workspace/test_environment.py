"""A Python that cannot run the stages: told before DVC has removed what takes long to make."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from pipeline.environment import PYPROJECT, REMEDY, fault_of_python

ROOT = Path(__file__).parents[2]


def test_this_python_has_all_packages() -> None:
    assert fault_of_python(PYPROJECT) is None


def test_what_is_lacking_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\ndependencies = ["numpy>=2", "none-such>=1,<2", "nor this"]\n')
    assert fault_of_python(file) == "lacks the packages none-such, nor"
    file.unlink()
    assert fault_of_python(file) is None


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


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash, which has `source`, is missing")
def test_the_remedy_that_a_stage_names_works(tmp_path: Path) -> None:
    """In the shell where it was said: with another Python first, then the environment's."""
    for name in ("other", ".venv"):
        venv.create(tmp_path / name, with_pip=False, symlinks=True)
    [packages] = (tmp_path / ".venv/lib").glob("python*/site-packages")
    (packages / "all.pth").write_text(sysconfig.get_path("purelib"))
    for name in ("pipeline", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = f"""
        export PATH={tmp_path}/other/bin:$PATH DVC_STAGE=check
        python -c 'import pipeline.environment' && exit 3
        {re.findall("`(source .*?)`", REMEDY)[0]}
        python -c 'import pipeline.environment'
    """
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(REMEDY) == 1
