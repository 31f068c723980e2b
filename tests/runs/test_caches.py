"""What can go is told with its size, and nothing that is in use goes."""

import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.cli import main as dvc_main
from filelock import FileLock
from tracked_workspace import run_stages, write_lock, write_workspace

from attn2seq.cli import gc
from attn2seq.cli.gc import table
from attn2seq.errors import UserError
from attn2seq.runs import caches
from attn2seq.runs.caches import Heap, caches_hint, checkpoints, readable, unused_objects
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.registry import ownerless_folders
from attn2seq.runs.show import show_workspace, store_of


def training(folder: Path, name: str, *files: str) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    for file in files:
        (place / file).write_bytes(b"x" * 1000)
    return place


def test_a_training_that_runs_or_can_go_on_keeps_its_checkpoints(tmp_path: Path) -> None:
    done = training(tmp_path, "done", "finished", "step-1.pt")
    stopped = training(tmp_path, "stopped", "step-1.pt")
    running = training(tmp_path, "running", "finished", "step-1.pt")
    with FileLock(running / "lock"):
        assert [heap.paths for heap in checkpoints(tmp_path, False)] == [(done,)]
        assert [heap.paths for heap in checkpoints(tmp_path, True)] == [(done,), (stopped,)]
    assert checkpoints(tmp_path / "none", True)[0].paths == ()


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    heap = Heap("checkpoints", (training(tmp_path, "a", "x", "y"), training(tmp_path, "b", "z")))
    assert heap.size == 3000
    assert table([heap, Heap("nothing", ())]) == [
        "what can go                                 number       frees",
        "checkpoints                                      2      0.0 MB",
        "nothing                                          0      0.0 MB",
        "all of it                                        2      0.0 MB",
    ]
    assert (readable(3_400_000), readable(12_300_000_000)) == ("3.4 MB", "12.3 GB")


def test_80_columns_hold_what_is_said_of_large_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = [f"{name} 123.4 GB" for name in ("DVC's cache", "checkpoints", "downloads", "MLflow's")]
    monkeypatch.setattr(gc, "heaps_of", lambda *_: [Heap("checkpoints", ())])
    monkeypatch.setattr(gc, "holdings", lambda _: held)
    gc.make_room(yes=True, interrupted_too=True)
    said = capsys.readouterr().out
    assert f"These stay: {', '.join(held)}." in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80


def test_the_end_of_a_run_mentions_large_caches_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training(tmp_path / ".dvc" / "cache", "files", "a")
    training(tmp_path / ".cache" / "checkpoints", "1", "b")
    assert caches_hint(tmp_path) is None
    monkeypatch.setattr(caches, "MANY_BYTES", 2000)
    assert caches_hint(tmp_path) == "caches:  0.0 MB now; `make gc` lists what can be removed"


def test_files_of_deleted_runs_have_no_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_workspace(tmp_path)
    run_stages(tmp_path)
    write_lock(tmp_path)
    store = store_of(tmp_path, None)
    runs = Runs(store, 5)
    completed = show_workspace(runs, tmp_path, tmp_path)
    lost = tmp_path / "mlartifacts" / "corpus" / "lost"
    lost.mkdir(parents=True)
    assert ownerless_folders(store) == [lost]
    runs.client.delete_run(completed.run_id)
    names = {folder.name for folder in ownerless_folders(store)}
    assert {"lost", completed.run_id} <= names
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        (models,) = database.execute("select count(*) from logged_models").fetchone()
    assert len(names) == 2 + models
    (tmp_path / "mlflow.db").unlink()
    assert {folder.name for folder in ownerless_folders(store)} == names


def test_a_servers_files_are_its_own(tmp_path: Path) -> None:
    assert ownerless_folders(store_of(tmp_path, "http://127.0.0.1:1")) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC repository with four commits, of which two name a file in the cache."""
    root = tmp_path / "project"
    root.mkdir()
    for command in (
        ["git", "init", "--quiet"], [*DVC, "init", "--quiet"],
        ["git", "config", "user.email", "test@example.org"], ["git", "config", "user.name", "T"],
    ):  # fmt: skip
        subprocess.run(command, cwd=root, check=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    for number, text in enumerate(("one", None, "two", None)):
        if text is None:
            (root / "README.md").write_text(f"{number}\n")
        else:
            add(root, text)
        commit(root, str(number))
    return root


DVC = [sys.executable, "-m", "dvc"]


def add(root: Path, text: str) -> None:
    (root / "data.txt").write_text(text)
    subprocess.run([*DVC, "add", "--quiet", "data.txt"], cwd=root, check=True)


def commit(root: Path, message: str) -> None:
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", message], cwd=root, check=True)


def git(root: Path, *arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=root, text=True).strip()


def cached(root: Path) -> set[Path]:
    return {path for path in (root / ".dvc/cache/files").rglob("*") if path.is_file()}


def test_what_commits_name_stays_and_only_those_that_tell_are_read(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = cached(project)
    assert len(needed) == 2
    add(project, "never committed")
    add(project, "in the workspace")
    everything = cached(project)
    assert len(everything) == 4
    [gone] = unused_objects(project).paths
    assert gone in everything - needed
    assert cached(project) == everything
    # Of four commits two changed what names files.
    assert "reading what 2 commits name ..." in capsys.readouterr().err
    unused_objects(project, remove=True)
    assert cached(project) == everything - {gone}
    assert unused_objects(project).paths == ()


def test_a_cache_that_others_may_use_is_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = project.parent / "shared"
    other = [*DVC, "cache", "dir", "--local", str(shared)]
    subprocess.run(other, cwd=project, check=True, capture_output=True)
    add(project, "of another project, for all that is known here")
    add(project, "in the workspace")
    files = {path for path in shared.rglob("*") if path.is_file()}
    assert unused_objects(project, remove=True).paths == ()
    assert {path for path in shared.rglob("*") if path.is_file()} == files
    said = capsys.readouterr().err
    assert str(shared) in said
    assert "lies outside of this project" in said


@pytest.mark.promise("mistakes")
def test_a_commit_that_cannot_be_read_is_named_with_a_remedy_that_works(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For one whose data.txt.dvc still has the marks of a merge."""
    needed = cached(project)
    sound = (project / "data.txt.dvc").read_text()
    (project / "data.txt.dvc").write_text("<<<<<<< HEAD\nouts: 1\n=======\n")
    commit(project, "marks")
    (project / "data.txt.dvc").write_text(sound)
    commit(project, "mended")
    marked = git(project, "rev-parse", "HEAD~1")
    add(project, "never committed")
    subprocess.run(["git", "checkout", "--quiet", "data.txt.dvc"], cwd=project, check=True)
    everything = cached(project)
    with pytest.raises(UserError, match=f"what commit {marked[:7]} names is not known") as error:
        unused_objects(project, remove=True)
    assert cached(project) == everything > needed
    remedy = re.findall(r"`dvc ([^`]+)`", str(error.value))[0]
    monkeypatch.chdir(project)
    assert dvc_main([*remedy.split(), "--force"]) == 0
    assert cached(project) == needed


@pytest.mark.promise("mistakes")
def test_git_tells_what_is_damaged(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    (project / ".git/objects" / head[:2] / head[2:]).unlink()
    with pytest.raises(UserError, match="nothing is removed: `git fsck` shows what is damaged"):
        unused_objects(project, remove=True)
    done = subprocess.run(["git", "fsck"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode
    assert head in done.stdout + done.stderr


@pytest.mark.promise("mistakes")
@pytest.mark.long
def test_a_shared_cache_is_cleaned_where_all_projects_are_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = project.with_name("other")
    shutil.copytree(project, other)
    shared = project.with_name("shared")
    for root in (project, other):
        monkeypatch.chdir(root)
        assert dvc_main(["cache", "dir", "--quiet", "--local", str(shared)]) == 0
    add(other, "of the other project")
    add(project, "never committed")
    add(project, "in the workspace")
    unused_objects(project)
    remedy = re.findall(r"`dvc ([^`]+)`", " ".join(capsys.readouterr().err.split()))[0]
    monkeypatch.chdir(project)
    assert dvc_main([*remedy.replace("OTHER ...", str(other)).split(), "--force"]) == 0
    left = {path.read_text() for path in shared.rglob("*") if path.is_file()}
    assert left == {"of the other project", "in the workspace"}
