"""What can be broken about a workspace: each changes a finished one, or the environment."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tracking_server import free_port

Break = Callable[[Path], object]
MERGE = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.1'\n>>>>>>> other\n"


def cut(*patterns: str) -> Break:
    """The files that match end in their middle, as after a power cut."""

    def cut_all(root: Path) -> None:
        found = [path for pattern in patterns for path in root.glob(pattern) if path.is_file()]
        assert found, patterns
        for path in found:
            content = path.read_bytes()
            path.unlink()  # it may be a link into DVC's cache
            path.write_bytes(content[: len(content) // 2])

    return cut_all


def remove(name: str) -> Break:
    def gone(root: Path) -> None:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return gone


def put(name: str, content: str | bytes) -> Break:
    """A file of this content, whatever was there."""

    def write(root: Path) -> None:
        path = root / name
        if path.exists():
            remove(name)(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def edit(name: str, old: str, new: str) -> Break:
    def change(root: Path) -> None:
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        put(name, text.replace(old, new))(root)

    return change


def folder(name: str) -> Break:
    """An empty folder where a file should be."""

    def make(root: Path) -> None:
        remove(name)(root)
        (root / name).mkdir()

    return make


def commit(change: Break, repair: Break) -> Break:
    """The fault is in the last commit, and no longer in the workspace."""

    def make(root: Path) -> None:
        change(root)
        _git(root, "commit", "--quiet", "--all", "--message", "Broken")
        repair(root)

    return make


def restore(root: Path) -> None:
    _git(root, "checkout", "--quiet", "HEAD~1", "--", ".")


def address(uri: str) -> Break:
    """As MLFLOW_TRACKING_URI; PORT is one at which nothing listens."""

    def name(_: Path) -> None:
        os.environ["MLFLOW_TRACKING_URI"] = uri.replace("PORT", str(free_port()))

    return name


def without_git(_: Path) -> None:
    os.environ["PATH"] = "/nonexistent"


def without_commits(root: Path) -> None:
    remove(".git")(root)
    _git(root, "init", "--quiet")


def without_objects(root: Path) -> None:
    folder(".git/objects")(root)


def of_a_later_version(root: Path) -> None:
    """MLflow's database, as a newer MLflow leaves it."""
    with closing(sqlite3.connect(root / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        database.commit()


def a_link_to_elsewhere(root: Path) -> None:
    """The code of the last commit is a link out of the repository."""
    shutil.move(root / "pipeline", root.parent / "pipeline")
    (root / "pipeline").symlink_to(root.parent / "pipeline")
    _git(root, "add", "pipeline")
    _git(root, "commit", "--quiet", "--all", "--message", "Linked")


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
