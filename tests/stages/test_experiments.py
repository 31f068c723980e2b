"""DVC experiments, run in the workspace and queued: their code, their runs, and their return."""

import pytest
from finished_steps import CURVES, Step, Twins, assert_complete, stages_run
from shown_runs import ShownRun

# The first test of a session waits for two builds and three runs.
pytestmark = pytest.mark.slow


def by_name(step: Step) -> dict[str, ShownRun]:
    runs = {run.name: run for run in step.runs}
    assert len(runs) == len(step.runs), [run.name for run in step.runs]
    return runs


def test_experiments_put_their_runs_into_the_same_database(experiments: Step) -> None:
    runs = by_name(experiments)
    assert len(runs) == 3, experiments.said
    for name, alpha in {"short": "0.5", "long": "1.5"}.items():
        assert name in runs, "\n".join(experiments.said)
        assert_complete(runs[name])
        assert runs[name].tags["dvc_exp_name"] == name
        assert runs[name].params["decode.length_alpha"] == alpha


def test_what_an_experiment_does_not_change_is_not_made_again(
    experiments: Step, twins: Twins
) -> None:
    said = experiments.said[0]
    assert "train" not in stages_run(said), said
    assert {"decode", "evaluate", "report"} <= set(stages_run(said))
    # All began with the same training, whose curves each run shows.
    (first,) = twins.runs
    runs = by_name(experiments)
    assert runs[first.name] == first
    for name in ("short", "long"):
        assert {key: runs[name].curves[key] for key in CURVES} == {
            key: first.curves[key] for key in CURVES
        }


def test_a_queued_experiment_names_the_commit_that_the_user_knows(experiments: Step) -> None:
    head = experiments.repository.run("git", "rev-parse", "HEAD").strip()
    assert by_name(experiments)["long"].tags["mlflow.source.git.commit"] == head


def test_a_queued_experiment_runs_the_code_of_its_own_copy(experiments: Step) -> None:
    _, _, done, logs, edited = experiments.said
    assert "pipeline/decode.py" in edited
    assert "src/attn2seq/config.py" in edited
    assert "Running stage 'decode'" in logs, done + logs
    assert "the code of the main workspace" not in logs
    assert "RuntimeError" not in logs


def test_what_was_deleted_comes_back_from_commits_and_experiments(
    restored: Step, experiments: Step
) -> None:
    before, after = by_name(experiments), by_name(restored)
    assert set(after) == set(before), restored.said[0]
    for name, run in after.items():
        assert_complete(run)
        old = before[name]
        assert run.params == old.params
        assert run.data_sets == old.data_sets
        assert {key: run.curves[key] for key in CURVES} == {key: old.curves[key] for key in CURVES}
        scores = [key for key in old.curves if key.startswith(("dev/", "test/"))]
        assert {key: run.curves[key] for key in scores} == {key: old.curves[key] for key in scores}
        assert {"dvc.lock", *old.artifacts} == set(run.artifacts)
        assert run.model_files == old.model_files
        assert run.tags["run_fingerprint"] == old.tags["run_fingerprint"]
