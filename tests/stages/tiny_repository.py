"""A repository of its own with the project's files and a task small enough to learn."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tiny_task import CATALOGUE_ENTRY, PARAMS, write_corpus

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Repository:
    """A clone in a folder of its own, and the commands that a user types in it."""

    root: Path

    def run(self, *command: str, status: int = 0) -> str:
        """All that the command prints; fails, and shows it, unless it ends with `status`."""
        with self.start(*command) as process:
            output, _ = process.communicate()
        assert process.returncode == status, (
            f"{' '.join(command)} ended with {process.returncode}, not {status}, "
            f"in {self.root}:\n{output}"
        )
        return output

    def start(self, *command: str) -> subprocess.Popen[str]:
        """The command in a process group of its own, its stdout and stderr in one pipe."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=environment(self.root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def dvc(self, *arguments: str, status: int = 0) -> str:
        """What DVC and the stages print."""
        return self.run("python", "-m", "dvc", *arguments, status=status)

    def commit(self, message: str) -> None:
        """Record everything that git does not ignore."""
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", message)

    def params(self) -> Any:
        """params.yaml as it stands."""
        return YAML(typ="safe").load(self.root / "params.yaml")

    def set_params(self, changes: Mapping[str, Any]) -> None:
        """Write values under dotted names, `{"decode.beam_size": 3}`, and keep the comments."""
        yaml = YAML()
        values = yaml.load(self.root / "params.yaml")
        for name, value in changes.items():
            section, key = name.split(".")
            values[section][key] = value
        with (self.root / "params.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(values, file)

    def digests(self) -> dict[str, str]:
        """Path and md5 of every stage's outputs, from dvc.lock."""
        lock = YAML(typ="safe").load(self.root / "dvc.lock")
        outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
        return {out["path"]: out["md5"] for out in outs}


def environment(root: Path) -> dict[str, str]:
    """That of the tests, less what would reach into the repository from outside.

    The repository's own code is found as an editable install of it would be, behind what a stage's
    command says.
    """
    apart = ("MLFLOW_", "DVC_", "GIT_", "CORPUS_MIRROR", "PYTHONPATH", "OMP_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {
        "PATH": path,
        "PYTHONPATH": str(root / "src"),
        "PYTHONUNBUFFERED": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def interrupt(process: subprocess.Popen[str]) -> str:
    """Ctrl-C, as a terminal sends it to a whole process group; the rest of the output."""
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate()
    return output


def make_repository(root: Path) -> Repository:
    """The project's files, the tiny corpus and its params, committed."""
    repository = Repository(root)
    copy_project(root)
    write_corpus(root / "data/local")
    (root / "data/catalogue/reversed.yaml").write_text(CATALOGUE_ENTRY, encoding="utf-8")
    repository.set_params(PARAMS)
    repository.run("git", "init", "--quiet")
    set_identity(repository)
    repository.commit("The project with a tiny corpus")
    return repository


def copy_repository(source: Path, target: Path, caches: bool = False) -> None:
    """But for its runs in MLflow; with the project's own caches where they are asked for."""
    # DVC's own temporary files know the folder they were made for.
    apart = ["mlflow.db*", "mlartifacts", "tmp", "__pycache__", *([] if caches else [".cache"])]
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*apart), symlinks=True)


def forget_training(repository: Repository) -> None:
    """As if tokenize were the last stage that ever ran: DVC remembers nothing of later ones."""
    yaml = YAML(typ="safe")
    lock = yaml.load(repository.root / "dvc.lock")
    for stage in ("train", "decode", "evaluate", "report"):
        del lock["stages"][stage]
        shutil.rmtree(repository.root / "results" / stage)
    yaml.dump(lock, repository.root / "dvc.lock")
    shutil.rmtree(repository.root / "models")
    shutil.rmtree(repository.root / ".dvc/cache/runs")


def set_identity(repository: Repository) -> None:
    """Commits need a name, and here no signature."""
    for key, value in {
        "user.name": "Test",
        "user.email": "test@example.org",
        "commit.gpgsign": "false",
    }.items():
        repository.run("git", "config", key, value)


def copy_project(root: Path, with_results: bool = False) -> None:
    """What git holds, or would hold after `git add .`; without this repository's own results."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"{PROJECT} is no git checkout, so its files cannot be told from others")
    for name in listed.stdout.decode().split("\0"):
        # Files deleted since the last commit are listed, too.
        is_result = name.startswith(("results/", "dvc.lock"))
        if (PROJECT / name).is_file() and (with_results or not is_result):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((PROJECT / name).read_bytes())
