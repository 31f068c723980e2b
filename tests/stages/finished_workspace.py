"""A workspace that came to its end in this process, for tests that break copies of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from runs_fixtures import SET_BY_MLFLOW
from tiny_project import PROJECT, run_stages, working_in, write_params
from tiny_task import CATALOGUE_ENTRY, write_corpus

from attn2seq.cli.main import main

FOLDERS = (
    "src", "pipeline", "recipes", "data/catalogue", "data/ensemble", "benchmarks/results/recorded",
)  # fmt: skip
IDENTITY = {"user.name": "Test", "user.email": "test@example.org", "commit.gpgsign": "false"}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "download": {"corpus": "reversed"},
    "tokenize": {"model_type": "char", "vocabulary_size": 64},
}
# What verbs are given.
FILES = {
    "mine.tsv": "".join(f"a dog {number}\tein Hund {number}\n" for number in range(100)),
    "texts.src": "abc\n",
    "texts.tgt": "CBA\n",
    "ranges.yaml": "model.cell: [lstm, gru]\n",
}


def make_finished(root: Path) -> None:
    """All stages with a tiny model, committed in git, known to DVC, and with its run in MLflow."""
    for name in FOLDERS:
        left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(PROJECT / name, root / name, ignore=left_out)
    for name in ("dvc.yaml", ".gitignore"):
        shutil.copyfile(PROJECT / name, root / name)
    write_corpus(root / "data/local")
    (root / "data/catalogue/reversed.yaml").write_text(CATALOGUE_ENTRY, encoding="utf-8")
    write_params(root, "phrasebook-en-de", CHANGES)
    for name, text in FILES.items():
        (root / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, working_in(root):
        forget_environment(patch)
        shell(root, "git init --quiet")
        for key, value in IDENTITY.items():
            shell(root, f"git config {key} {value}")
        shell(root, "dvc init --quiet")
        run_stages(root)
        shell(root, "dvc commit --quiet --force")
        shell(root, "git add . && git commit --quiet --message Finished")
        assert main(["track"]) == 0


def forget_environment(patch: pytest.MonkeyPatch) -> None:
    """What a user, or a verb before, has set; whatever a verb sets is gone after the test, too."""
    for name in {*SET_BY_MLFLOW, *(name for name in os.environ if name.startswith("GIT_"))}:
        patch.setenv(name, "")
        patch.delenv(name)
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    patch.setenv("DVC_NO_ANALYTICS", "true")


def shell(root: Path, line: str) -> str:
    """What the command prints; fails, and shows it, where it ends with another status than 0."""
    done = subprocess.run(
        ["sh", "-c", line], cwd=root, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(root / "src")},
    )  # fmt: skip
    assert done.returncode == 0, f"{line} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
