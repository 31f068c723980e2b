"""Two `dvc repro` at once, and a stage that outlives its dvc: one works, and the bytes hold."""

import os
import signal

import pytest
from finished_steps import Brief, stages_run
from stopped_stage import stopped_training
from tiny_repository import Repository, forget_training

# Each builds a repository of its own.
pytestmark = [pytest.mark.slow, pytest.mark.promise("two at once")]


@pytest.mark.long
def test_two_at_once_from_the_start(brief: Brief, unbuilt: Repository) -> None:
    both = [unbuilt.start("python", "-m", "dvc", "repro") for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    refused = [text for text, process in zip(said, both, strict=True) if process.returncode]
    assert len(refused) < 2, said
    for text in refused:
        assert_refused_plainly(text)
    assert unbuilt.digests() == brief.digests
    assert stages_run(unbuilt.dvc("repro")) == []


@pytest.mark.long
def test_a_second_one_while_training_runs(brief: Brief, unbuilt: Repository) -> None:
    first = unbuilt.start("python", "-m", "dvc", "repro")
    training = stopped_training(unbuilt, first)
    assert_refused_plainly(unbuilt.dvc("repro", status=255))
    os.kill(training, signal.SIGCONT)
    said, _ = first.communicate()
    assert first.returncode == 0, said
    assert unbuilt.digests() == brief.digests
    assert stages_run(unbuilt.dvc("repro")) == []


@pytest.mark.parametrize(
    "rate",
    [
        pytest.param(0.01, id="with the same params"),
        pytest.param(0.02, id="with other params", marks=pytest.mark.long),
    ],
)
def test_only_dvc_is_killed(built: Repository, rate: float) -> None:
    """Its training goes on, and must not put its model where the next `dvc repro` puts another."""
    wanted = built.digests()
    forget_training(built)
    meant = built.params()["train"]["learning_rate"]
    built.set_params({"train.learning_rate": rate})
    first = built.start("python", "-m", "dvc", "repro")
    training = stopped_training(built, first)
    first.kill()
    first.wait()
    built.set_params({"train.learning_rate": meant})
    refused = built.dvc("repro", status=255)
    assert f"process {training} is still running the stage train in this folder" in refused, refused
    assert "Traceback" not in refused
    os.kill(training, signal.SIGCONT)
    assert first.stdout is not None
    left = first.stdout.read()  # ends with the last process that writes there
    assert ("edited while the stage ran" in left) == (rate != meant), left
    said = built.dvc("repro", "train")
    assert "train" in stages_run(said)
    assert ("resuming from the checkpoint" in said) == (rate == meant), said
    assert "models/trained" in built.digests()
    assert built.digests().items() <= wanted.items()


def assert_refused_plainly(said: str) -> None:
    """By DVC itself, which names the process; or, for a moment, by its lock."""
    assert "is busy, it is being blocked by" in said or "Unable to acquire lock" in said, said
    assert "Traceback" not in said, said
