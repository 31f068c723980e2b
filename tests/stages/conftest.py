"""Repositories that went through the real stages; each is built once and then only looked at.

The fixtures form a chain, `twins` -> `wider_beam` -> `experiments` -> `restored`: each takes the
main repository one step on and keeps what its database showed then.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from finished_steps import Brief, Step, Twins
from shown_runs import shown_runs
from tiny_project import run_stages, write_params
from tiny_repository import Repository, make_repository, set_identity
from tiny_task import CATALOGUE_ENTRY, write_corpus


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """`dvc repro` at the same commit in two folders, side by side."""
    main = make_repository(tmp_path_factory.mktemp("twins") / "main")
    clone = Repository(tmp_path_factory.mktemp("somewhere") / "else" / "clone")
    main.run("git", "clone", "--quiet", str(main.root), str(clone.root))
    set_identity(clone)
    with clone.start("python", "-m", "dvc", "repro") as beside:
        said = (main.dvc("repro"), main.dvc("repro"))
        output, _ = beside.communicate()
    assert beside.returncode == 0, f"dvc repro failed in the clone:\n{output}"
    step = Twins(main, said, tuple(shown_runs(main.root)), clone)
    main.commit("First result")
    return step


@pytest.fixture(scope="session")
def wider_beam(twins: Twins, pristine: Callable[[Path], Repository]) -> Step:
    """Only `decode.beam_size` changed."""
    del pristine  # copied before this step
    main = twins.repository
    main.set_params({"decode.beam_size": 3})
    said = (main.dvc("repro"),)
    main.commit("Wider beam")
    return Step(main, said, tuple(shown_runs(main.root)))


CRASH = '\nraise RuntimeError("the code of the main workspace")\n'


@pytest.fixture(scope="session")
def experiments(wider_beam: Step) -> Step:
    """One in the workspace, and one queued whose code is then broken in the workspace."""
    main = wider_beam.repository
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


@pytest.fixture(scope="session")
def pristine(
    twins: Twins, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Repository]:
    """Copies the main repository as it was after its first build, but for its runs."""
    kept = tmp_path_factory.mktemp("pristine") / "repository"
    _copy(twins.repository.root, kept)

    def copy(target: Path) -> Repository:
        _copy(kept, target)
        return Repository(target)

    return copy


@pytest.fixture
def built(pristine: Callable[[Path], Repository], tmp_path: Path) -> Repository:
    """A repository of the test's own, in which every stage is up to date."""
    return pristine(tmp_path / "repository")


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
    _copy(three_epochs, tmp_path / "unbuilt")
    return Repository(tmp_path / "unbuilt")


@pytest.fixture(scope="session")
def brief(three_epochs: Path) -> Brief:
    """What comes of it where nothing goes wrong."""
    built = Repository(three_epochs.with_name("built"))
    _copy(three_epochs, built.root)
    built.dvc("repro")
    built.run("python", "-m", "attn2seq.runs.show")  # whatever there was no time for
    (run,) = shown_runs(built.root)
    return Brief(built, built.digests(), run)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of a test that runs stages in this process."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


# Sixty steps, five looks at dev, a second's work.
SHORT_TRAINING = {
    "max_steps": 60, "max_epochs": 100, "evaluate_every_steps": 12, "log_every_steps": 5,
    "batch_sentences": 16,
}  # fmt: skip


@pytest.fixture
def built_project(in_tmp_path: Path) -> Path:
    """The working directory, in which all stages have run with a short training."""
    (in_tmp_path / "data/catalogue").mkdir(parents=True)
    write_corpus(in_tmp_path / "data/local")
    (in_tmp_path / "data/catalogue/reversed.yaml").write_text(CATALOGUE_ENTRY, encoding="utf-8")
    changes = {
        "download": {"corpus": "reversed"},
        "tokenize": {"model_type": "char", "vocabulary_size": 64},
        "model": {"readout_dropout": 0.1},
        "train": SHORT_TRAINING,
    }
    write_params(in_tmp_path, "phrasebook-en-de", changes)
    run_stages(in_tmp_path)
    return in_tmp_path


def _copy(source: Path, target: Path) -> None:
    # DVC's own temporary files know the folder they were made for.
    apart = shutil.ignore_patterns("mlflow.db*", "mlartifacts", ".cache", "tmp", "__pycache__")
    shutil.copytree(source, target, ignore=apart, symlinks=True)
