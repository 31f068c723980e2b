"""The same inputs on two kinds of processors: nothing of one result is shown as the other's."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from tracked_runs import client_of, runs_in, start
from tracked_workspace import run_stages, write_lock

from attn2seq.cli.main import main
from attn2seq.runs import show as track
from attn2seq.runs.attempt import Attempt
from attn2seq.runs.beside import remember_training
from attn2seq.workspace.fingerprint import md5_of
from attn2seq.workspace.paths import WEIGHTS

# The scores of the two: of the beam of 5 and of a rate of 0.001, and what the other adds.
HERE, ELSEWHERE = 6.0, 9.0
OTHER_CHIP = "amd"
AUTHORED = {"GIT_AUTHOR_DATE": "2025-03-01T12:00:00Z", "GIT_COMMITTER_DATE": "2025-03-01T12:00:00Z"}
COMMITTED_MS = 1740830400000
NOW_S = 1_800_000_000  # by the clock of a training that ends


def git(root: Path, *arguments: str) -> None:
    environment = os.environ | AUTHORED
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, env=environment)


@pytest.fixture
def cloned(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose commit records a run of another processor, and the run that the same
    inputs gave here.
    """
    (finished / ".gitignore").write_text(
        "/mlflow.db*\n/mlartifacts/\n/.cache/\n__pycache__/\n/models/\n/data/\n"
    )
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
    git(finished, "init", "-q")
    git(finished, "config", "user.name", "Ada")
    git(finished, "config", "user.email", "ada@example.org")
    monkeypatch.setenv("CHIP", OTHER_CHIP)
    build(finished)
    git(finished, "add", ".")
    git(finished, "commit", "-qm", "recorded elsewhere")
    monkeypatch.delenv("CHIP")
    build(finished)
    train_here("t", seconds=90)
    return finished


def build(root: Path) -> None:
    run_stages(root)
    write_lock(root)


def train_here(train_fingerprint: str, seconds: float) -> None:
    """Note the workspace's weights as those of a training of so many seconds that ends at NOW_S."""
    speed = Path(".cache/timings/speed.csv")
    speed.parent.mkdir(parents=True, exist_ok=True)
    speed.write_text("step,seconds,tokens_per_second\n50,1.0,3000\n")
    going_on = Attempt("here", seconds, resumed_at=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: 0.0)
        patch.setattr(time, "time", lambda: float(NOW_S))
        remember_training(WEIGHTS, train_fingerprint, {"device": "CPU"}, speed, going_on)


def results(root: Path) -> dict[str, Any]:
    """MLflow's runs by the name of their experiment."""
    client = client_of(root)
    return {client.get_experiment(run.info.experiment_id).name: run for run in runs_in(root)}


def weights_of(root: Path, run: Any) -> str:
    model = client_of(root).get_logged_model(run.data.tags["model_id"])
    (file,) = Path(model.artifact_location.removeprefix("file://")).rglob("model.safetensors")
    return file.read_text()


def test_two_results_are_two_runs(cloned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said, _ = start(cloned).communicate()
    assert said.count(": run ") == 1  # history comes only where it is asked for
    (cloned / "mlflow.db").unlink()
    assert track.main(["--all"]) == 0, capsys.readouterr()
    runs = results(cloned)
    assert set(runs) == {"toy-en-de", "toy-en-de, history"}
    own, recorded = runs["toy-en-de"], runs["toy-en-de, history"]
    assert own.data.tags["inputs_fingerprint"] == recorded.data.tags["inputs_fingerprint"]
    assert own.data.tags["run_fingerprint"] != recorded.data.tags["run_fingerprint"]
    assert own.data.metrics["dev/bleu"] == HERE
    assert recorded.data.metrics["dev/bleu"] == ELSEWHERE
    assert own.data.metrics["train/loss"] == 4.0
    assert recorded.data.metrics["train/loss"] == 4.0 + len(OTHER_CHIP)
    for run, score in ((own, HERE), (recorded, ELSEWHERE)):
        folder = Path(unquote(urlparse(run.info.artifact_uri).path))
        scores = json.loads((folder / "evaluate/metrics.json").read_text())
        assert scores["dev"]["bleu"] == score
        assert md5_of(folder / "evaluate/metrics.json") in (folder / "dvc.lock").read_text()
    assert weights_of(cloned, own) == "weights 0.001"
    # What is known of the training here is not said of the one elsewhere, whose files are gone.
    assert own.data.metrics["train/tokens_per_second"] == 3000
    assert "train/tokens_per_second" not in recorded.data.metrics
    assert "model_id" not in recorded.data.tags
    assert "machine.device" not in recorded.data.tags


def test_each_run_has_its_time_and_its_user(cloned: Path) -> None:
    assert track.main(["--all"]) == 0
    runs = results(cloned)
    own, recorded = runs["toy-en-de"].info, runs["toy-en-de, history"].info
    assert recorded.start_time == recorded.end_time == COMMITTED_MS
    assert own.end_time == 1000 * NOW_S
    assert own.start_time == 1000 * (NOW_S - 90)
    assert recorded.user_id == "Ada"
    assert own.user_id not in ("Ada", "")
    points = client_of(cloned).get_metric_history(recorded.run_id, "dev/bleu")
    assert [point.timestamp for point in points] == [COMMITTED_MS]


def test_the_champion_is_of_this_machine(cloned: Path) -> None:
    assert track.main(["--all"]) == 0
    assert main(["register"]) == 0
    client = client_of(cloned)
    version = client.get_model_version_by_alias("toy-en-de", "champion")
    crowned = client.get_run(version.run_id)
    assert crowned.data.metrics["dev/bleu"] == HERE
    assert "| BLEU ↑ | 6.00" in version.description
    assert weights_of(cloned, crowned) == "weights 0.001"


def test_a_lost_champion_comes_back_or_is_named(
    cloned: Path, capsys: pytest.CaptureFixture[str], empty_database: Path
) -> None:
    assert track.main([]) == 0
    assert main(["register"]) == 0
    # In place: MLflow keeps the file open.
    (cloned / "mlflow.db").write_bytes(empty_database.read_bytes())
    capsys.readouterr()
    assert main(["track", "--all"]) == 0
    assert (
        "models:/toy-en-de@champion: baseline (dev/bleu 6.00) is again" in capsys.readouterr().out
    )
    client = client_of(cloned)
    version = client.get_model_version_by_alias("toy-en-de", "champion")
    assert client.get_run(version.run_id).data.metrics["dev/bleu"] == HERE
    (cloned / "mlflow.db").write_bytes(empty_database.read_bytes())
    (cloned / "models/model/config.json").write_text("{}")
    capsys.readouterr()
    assert main(["track", "--all"]) == 0
    said = capsys.readouterr().out
    assert (
        "models:/toy-en-de@champion: lost: the champion was baseline, whose model is gone" in said
    )
    assert client_of(cloned).search_registered_models() == []
    # What is told to do: `make register`, and first, as no model is left, `make repro`.
    assert "`make register` chooses one" in said
    assert main(["register"]) == 1
    assert "`make repro`, or" in capsys.readouterr().err
    build(cloned)
    assert track.main([]) == 0
    assert main(["register"]) == 0
    capsys.readouterr()
    assert main(["track", "--all"]) == 0
    assert "lost" not in capsys.readouterr().out
    assert client_of(cloned).get_model_version_by_alias("toy-en-de", "champion")


def test_what_a_card_lacks_is_added(cloned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert track.main([]) == 0
    for path in (cloned / "mlartifacts").rglob("corpus.json"):
        path.unlink()
    assert main(["register"]) == 1
    assert "needed for its card: `make track ALL=1` adds what a run" in capsys.readouterr().err
    assert main(["track", "--all"]) == 0
    assert main(["register"]) == 0
    version = client_of(cloned).get_model_version_by_alias("toy-en-de", "champion")
    assert "Toy (2020)" in version.description


def test_training_again_elsewhere_leaves_the_first_run_as_it_was(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a folder moves to another machine, with its database and caches."""
    train_here("t", seconds=90)
    assert track.main(["--after", "evaluate"]) == 0
    (first,) = runs_in(finished)
    monkeypatch.setenv("CHIP", OTHER_CHIP)
    run_stages(finished)
    train_here("t", seconds=30)
    assert track.main(["--after", "evaluate"]) == 0
    second, again = runs_in(finished)
    assert again.to_dictionary() == first.to_dictionary()
    assert second.data.metrics["dev/bleu"] == ELSEWHERE
    assert second.info.end_time - second.info.start_time == 30_000
    assert second.info.run_name != first.info.run_name
