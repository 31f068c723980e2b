"""What a message names as the remedy is carried out, as a user would, and then the verb works."""

import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from finished_workspace import shell
from tracking_server import free_port

from attn2seq.cli import serve
from attn2seq.cli.main import main

pytestmark = [pytest.mark.promise("mistakes"), pytest.mark.slow]

TRANSLATE = ("translate", "--beam-size", "1", "abc")
OF_COMMIT = ("translate", "--beam-size", "1", "--model", "HEAD~1", "abc")


class Remedy(NamedTuple):
    """A fault, the verb that meets it, the remedy as its message words it, and as it is typed."""

    fault: Callable[[Path], object]
    verb: tuple[str, ...]
    told: str
    typed: tuple[str, ...]
    status: int = 1  # of the verb before: 0 where it does all the same what it can


def remove(*names: str) -> Callable[[Path], object]:
    def gone(root: Path) -> None:
        for name in names:
            path = root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return gone


def put(name: str, text: str) -> Callable[[Path], object]:
    def write(root: Path) -> None:
        (root / name).unlink(missing_ok=True)  # it may be a link into DVC's cache
        (root / name).write_text(text, encoding="utf-8")

    return write


def keep_cache_elsewhere(root: Path) -> None:
    """As in another clone of a shared project: nothing in the cache, all of it at a remote."""
    storage = root.parent / "storage"
    shell(root, f"dvc remote add --default storage {storage} && dvc push --quiet")
    shell(root, "git commit --quiet --all --message Remote")
    remove(".dvc/cache")(root)


def keep_experiment_elsewhere(root: Path) -> None:
    shell(root, f"git init --quiet --bare {root.parent / 'shared.git'}")
    shell(root, f"git remote add origin {root.parent / 'shared.git'}")
    shell(root, f"dvc remote add --default storage {root.parent / 'storage'}")
    shell(root, "dvc exp save --quiet --name mine && dvc exp push --quiet origin mine")
    remove(".dvc/cache")(root)


def lose_the_cache_of_a_commit(root: Path) -> None:
    """Of the one before: the workspace goes on from it."""
    shell(root, "git commit --quiet --allow-empty --message Later")
    remove(".dvc/cache")(root)


def forget_the_name(root: Path) -> None:
    """What is then set for the user goes into a file of the test's own."""
    os.environ["GIT_CONFIG_GLOBAL"] = str(root.parent / "gitconfig")  # put back by the fixture
    shell(root, "git config --unset user.name")


def cut_a_listing(root: Path) -> None:
    """The list of a folder's files in DVC's cache ends in its middle, as after a power cut."""
    path = next((root / ".dvc/cache/files/md5").glob("*/*.dir"))
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[: len(content) // 2])


REMEDIES = {
    "a model that is gone": Remedy(
        remove("models"), TRANSLATE, "`dvc checkout` brings back", ("dvc checkout",)
    ),
    "a result that is gone": Remedy(
        remove("data/prepared"), ("compare", "HEAD"), "`dvc checkout` brings it back",
        ("dvc checkout",),
    ),
    "damaged facts": Remedy(
        put("data/prepared/corpus.json", "{"), ("summary",),
        "`dvc checkout --force data/prepared` brings it back",
        ("dvc checkout --force data/prepared",),
    ),
    "a damaged lock": Remedy(
        put("dvc.lock", "stages: 3\n"), ("summary",), "`git checkout HEAD -- dvc.lock`",
        ("git checkout HEAD -- dvc.lock",),
    ),
    "a damaged lock, deleted": Remedy(
        put("dvc.lock", "stages: 3\n"), ("check",), "or delete it", ("rm dvc.lock",)
    ),
    "no repository": Remedy(
        remove(".git"), ("experiments",),
        "`git init`, `git add .`, `git commit -m workspace`, then `dvc config --local core.no_scm "
        "false`",
        ("git init --quiet", "git config user.name Test", "git config user.email test@example.org",
         "git add .", "git commit --quiet -m workspace", "dvc config --local core.no_scm false"),
    ),
    "no champion": Remedy(
        lambda _: None, ("serve", "--port", "PORT"), "`attn2seq register` makes one",
        ("attn2seq register --force",),
    ),
    "no run": Remedy(
        remove("mlflow.db"), ("register", "--force"), "`make track` for one that is finished",
        ("attn2seq track",),
    ),
    "a damaged database": Remedy(
        put("mlflow.db", "no database\n" * 99), ("track",),
        "Delete the file, and `attn2seq track --all` restores the runs",
        ("rm mlflow.db", "attn2seq track --all"),
    ),
    "dvc.yaml gone": Remedy(
        remove("dvc.yaml"), ("check",), "`git checkout -- dvc.yaml` brings back",
        ("git checkout -- dvc.yaml",),
    ),
    "dvc.yaml damaged": Remedy(
        put("dvc.yaml", "stages: 3\n"), ("compare", "HEAD"), "`git checkout -- dvc.yaml`",
        ("git checkout -- dvc.yaml",),
    ),
    "no runs for a model's address": Remedy(
        remove("mlflow.db"), ("translate", "--model", "models:/reversed@champion", "abc"),
        "`make track` adds this", ("attn2seq track", "attn2seq register --force"),
    ),
    "a model in a remote": Remedy(
        keep_cache_elsewhere, ("compare", "HEAD~1"), "`dvc fetch --all-commits`",
        ("dvc fetch --quiet --all-commits",), status=0,
    ),
    "an experiment in a remote": Remedy(
        keep_experiment_elsewhere, ("compare", "mine"), "`dvc exp pull origin NAME` for an exp",
        ("dvc exp pull --quiet origin mine",), status=0,
    ),
    "a damaged listing": Remedy(
        cut_a_listing, ("gc",), "`dvc repro` makes the workspace's again",
        ("dvc repro --quiet",),
    ),
    "a catalogue that is gone": Remedy(
        remove("data/catalogue"), ("check",), "`git checkout -- data/catalogue` brings back",
        ("git checkout -- data/catalogue",),
    ),
    "params.yaml gone": Remedy(
        remove("params.yaml"), ("summary",), "`git checkout -- params.yaml` there brings",
        ("git checkout -- params.yaml",),
    ),
    "params.yaml emptied": Remedy(
        put("params.yaml", ""), ("recipe", "phrasebook-en-de"),
        "`git checkout -- params.yaml` brings back", ("git checkout -- params.yaml",),
    ),
    ".dvc gone": Remedy(
        remove(".dvc"), ("doctor",), "git checkout -- .dvc, or dvc init",
        ("git checkout -- .dvc",),
    ),
    ".dvc gone, made anew": Remedy(
        remove(".dvc"), ("doctor",), "git checkout -- .dvc, or dvc init", ("dvc init --quiet",)
    ),
    "git without a name": Remedy(
        forget_the_name, ("doctor",), "git config --global user.name ...",
        ("git config --global user.name Test",), status=0,
    ),
    "a model in no cache": Remedy(
        lose_the_cache_of_a_commit, OF_COMMIT,
        "`git checkout HEAD~1` and `make repro` make it again",
        ("git checkout --quiet HEAD~1", "dvc repro --quiet", "git checkout --quiet -"),
    ),
    "an empty params.yaml": Remedy(
        put("params.yaml", "download: {}\n"), ("register",), "`attn2seq check` lists its errors",
        ("attn2seq check || true", "git checkout -- params.yaml", "attn2seq register --force"),
    ),
}  # fmt: skip


# Several starts of DVC, or stages that run again.
DEAR = (
    "an experiment in a remote", "a damaged listing", "a model in no cache", "a damaged database",
    "no runs for a model's address", "an empty params.yaml",
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] if name in DEAR else []) for name in REMEDIES],
)
def test_the_remedy_that_a_message_names_works(
    name: str, finished_workspace: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(serve, "served", lambda *_: nullcontext(SimpleNamespace(wait=lambda: 0)))
    fault, verb, told, typed, before = REMEDIES[name]
    arguments = [str(free_port()) if part == "PORT" else part for part in verb]
    fault(finished_workspace)
    status = main(arguments)
    said = " ".join("".join(capsys.readouterr()).split())
    assert told in said
    assert status == before
    for line in typed:
        shell(finished_workspace, line)
    if verb[0] in ("register", "track"):  # MLflow keeps a connection to the database that is gone
        said = shell(finished_workspace, f"attn2seq {' '.join(arguments)}")
    else:
        assert main(arguments) == 0
        said = "".join(capsys.readouterr())
    assert told not in " ".join(said.split())


@pytest.mark.long
def test_the_model_of_a_commit_by_its_own_code(
    finished_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where today's code cannot read it: a worktree of the commit, and translate there."""
    from attn2seq.runs.model_of_revision import OTHER_CODE

    assert OTHER_CODE.format("HEAD").count("`git worktree add <folder> HEAD`") == 1
    shell(finished_workspace, "git worktree add --quiet ../then HEAD")
    then = finished_workspace.parent / "then"
    cache = finished_workspace / ".dvc/cache"
    shell(then, f"dvc cache dir --local {cache} && dvc checkout --quiet models/model")
    here = shell(finished_workspace, "attn2seq translate abc")
    assert shell(then, "attn2seq translate abc") == here
