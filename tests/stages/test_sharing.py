"""Results handed on through a DVC remote: pushed here, pulled in a clone, shown there."""

from pathlib import Path

import pytest
from finished_steps import Twins, stages_run
from shown_runs import shown_runs
from tiny_repository import Repository, copy_repository

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pushed(twins: Twins, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Its cache was pushed with a wider beam that was not committed."""
    folder = tmp_path_factory.mktemp("pushed")
    repository = Repository(folder / "repository")
    copy_repository(twins.pristine.root, repository.root)
    repository.dvc("remote", "add", "--default", "storage", str(folder / "remote"))
    repository.commit("Name the remote")
    repository.set_params({"decode.beam_size": 3})
    repository.dvc("repro", "decode")
    repository.dvc("push", "--run-cache")
    repository.run("git", "checkout", "HEAD", "--", "params.yaml", "dvc.lock")
    repository.dvc("push", "--run-cache")
    return repository


@pytest.fixture(scope="module")
def pulled(pushed: Repository) -> Repository:
    """A clone of it, with what was pushed."""
    clone = Repository(pushed.root.with_name("clone"))
    pushed.run("git", "clone", "--quiet", str(pushed.root), str(clone.root))
    clone.dvc("pull", "--run-cache")
    return clone


def test_a_clone_has_the_results_and_shows_the_same_run(
    pulled: Repository, twins: Twins, empty_database: Path
) -> None:
    (pulled.root / "mlflow.db").write_bytes(empty_database.read_bytes())
    assert stages_run(pulled.dvc("repro")) == []
    assert (pulled.root / "results/report/index.html").is_file()
    said = pulled.run("python", "-m", "attn2seq.runs.show")
    assert "run" in said
    (there,) = shown_runs(pulled.root)
    here = twins.runs[0]
    # Times are the first machine's own; so are the ids that MLflow gives, and the commit.
    apart = ("time/", "train/tokens_per_second")
    assert there.params == here.params
    assert there.data_sets == here.data_sets
    # What DVC wrote when the last stage had ended is known since.
    assert there.artifacts == here.artifacts | {"dvc.lock"}
    assert there.model_files == here.model_files
    assert there.tags["run_fingerprint"] == here.tags["run_fingerprint"]
    assert there.curves == {
        key: curve for key, curve in here.curves.items() if not key.startswith(apart)
    }
    assert there.status == here.status


def test_what_another_has_run_is_not_run_again(pulled: Repository) -> None:
    pulled.set_params({"decode.beam_size": 3})
    said = pulled.dvc("repro", "--pull", "decode")
    assert stages_run(said) in ([], ["check"]), said
    assert "Stage 'decode' is cached - skipping run" in said, said
