"""Repositories that went through the real stages; each is built once and then only looked at.

The fixtures form a chain, `twins` -> `experiments` -> `restored`: each takes the main repository
one step on and keeps what its database showed then. Tests of the chain are done by one process
(tests/conftest.py); all others take copies of the other twin.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from finished_steps import Brief, Step, Twins
from finished_workspace import forget_environment, make_finished
from made_once import made_once
from shown_runs import shown_runs
from tiny_project import run_stages, working_in, write_params
from tiny_repository import Repository, copy_repository, make_repository, set_identity
from tiny_task import CATALOGUE_ENTRY, write_corpus


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """`dvc repro` at the same commit in two folders, side by side: once for all processes that
    share out the tests. In the clone no runs are tracked, which takes half as long.
    """
    return made_once(tmp_path_factory, "twins", _build_twins)


def _build_twins(folder: Path) -> Twins:
    main = make_repository(folder / "main")
    clone = Repository(folder / "somewhere" / "else" / "clone")
    main.run("git", "clone", "--quiet", str(main.root), str(clone.root))
    set_identity(clone)
    clone.run("git", "remote", "remove", "origin")
    clone.set_params({"track.enabled": False})
    with clone.start("python", "-m", "dvc", "repro") as beside:
        said = (main.dvc("repro"), main.dvc("repro"))
        said_by_clone, _ = beside.communicate()
    assert beside.returncode == 0, f"dvc repro failed in the clone:\n{said_by_clone}"
    runs, digests = tuple(shown_runs(main.root)), main.digests()
    main.commit("First result")
    clone.commit("Without tracking")
    return Twins(main, said, runs, digests, clone)


CRASH = '\nraise RuntimeError("the code of the main workspace")\n'


@pytest.fixture(scope="session")
def experiments(twins: Twins) -> Step:
    """One in the workspace, and one queued whose code is then broken in the workspace."""
    main = twins.repository
    in_workspace = main.dvc("exp", "run", "--name", "short", "-S", "decode.length_alpha=0.5")
    main.run("git", "checkout", "--force", "--quiet", "HEAD")
    queued = main.dvc("exp", "run", "--queue", "--name", "long", "-S", "decode.length_alpha=1.5")
    edited = [main.root / path for path in ("pipeline/decode.py", "src/attn2seq/config.py")]
    sound = [path.read_text(encoding="utf-8") for path in edited]
    for path, text in zip(edited, sound, strict=True):
        path.write_text(text + CRASH, encoding="utf-8")
    done = main.dvc("exp", "run", "--run-all")
    logs = main.dvc("queue", "logs", "long")
    said = (in_workspace, queued, done, logs, main.run("git", "diff", "--stat"))
    for path, text in zip(edited, sound, strict=True):
        path.write_text(text, encoding="utf-8")
    return Step(main, said, tuple(shown_runs(main.root)))


@pytest.fixture(scope="session")
def restored(experiments: Step) -> Step:
    """The database and the artifacts are deleted, then rebuilt from commits and experiments."""
    main = experiments.repository
    (main.root / "mlflow.db").unlink()
    shutil.rmtree(main.root / "mlartifacts")
    said = (main.run("python", "-m", "attn2seq.runs.show", "--all"),)
    return Step(main, said, tuple(shown_runs(main.root)))


@pytest.fixture
def built(twins: Twins, tmp_path: Path) -> Repository:
    """A repository of the test's own: every stage is up to date, and runs are not tracked."""
    copy_repository(twins.pristine.root, tmp_path / "repository")
    return Repository(tmp_path / "repository")


@pytest.fixture(scope="session")
def three_epochs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose training is short, in which no stage has run; only to be copied."""
    repository = make_repository(tmp_path_factory.mktemp("brief") / "unbuilt")
    repository.set_params({"train.max_epochs": 3})
    repository.commit("Three epochs")
    return repository.root


@pytest.fixture
def unbuilt(three_epochs: Path, tmp_path: Path) -> Repository:
    """A copy of it, of the test's own."""
    copy_repository(three_epochs, tmp_path / "unbuilt")
    return Repository(tmp_path / "unbuilt")


@pytest.fixture(scope="session")
def brief(three_epochs: Path) -> Brief:
    """What comes of it where nothing goes wrong."""
    built = Repository(three_epochs.with_name("built"))
    copy_repository(three_epochs, built.root)
    built.dvc("repro")
    built.run("python", "-m", "attn2seq.runs.show")  # whatever there was no time for
    (run,) = shown_runs(built.root)
    return Brief(built, built.digests(), run)


@pytest.fixture
def in_tmp_path(tmp_path: Path) -> Iterator[Path]:
    """The working directory of a test that runs stages in this process."""
    with working_in(tmp_path):
        yield tmp_path


# Sixty steps, five looks at dev, a second's work.
SHORT_TRAINING = {
    "max_steps": 60, "max_epochs": 100, "evaluate_every_steps": 12, "log_every_steps": 5,
    "batch_sentences": 16,
}  # fmt: skip


@pytest.fixture(scope="session")
def short_training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all stages have run with a short training; only to be copied."""
    return made_once(tmp_path_factory, "short_training", _train_shortly)


def _train_shortly(root: Path) -> Path:
    (root / "data/catalogue").mkdir(parents=True)
    write_corpus(root / "data/local")
    (root / "data/catalogue/reversed.yaml").write_text(CATALOGUE_ENTRY, encoding="utf-8")
    changes = {
        "download": {"corpus": "reversed"},
        "tokenize": {"model_type": "char", "vocabulary_size": 64},
        "model": {"readout_dropout": 0.1},
        "train": SHORT_TRAINING,
    }
    write_params(root, "phrasebook-en-de", changes)
    with working_in(root):
        run_stages(root)
    return root


@pytest.fixture
def built_project(short_training: Path, in_tmp_path: Path) -> Path:
    """The working directory, a copy of it."""
    apart = shutil.ignore_patterns("made.pickle")
    shutil.copytree(short_training, in_tmp_path, ignore=apart, symlinks=True, dirs_exist_ok=True)
    return in_tmp_path


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which all is in order; only to be copied."""
    return made_once(tmp_path_factory, "finished", _build_finished)


def _build_finished(folder: Path) -> Path:
    make_finished(folder / "workspace")
    return folder / "workspace"


@pytest.fixture
def finished_workspace(
    finished_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The working directory, a copy of it, with an environment that forgets what is set."""
    forget_environment(monkeypatch)
    root = tmp_path / "workspace"
    shutil.copytree(finished_once, root, symlinks=True)
    monkeypatch.chdir(root)
    return root
