"""Runs in MLflow, from files alone: complete, and unchanged by a second look."""

import json
import sys
from pathlib import Path

import pytest
from tracked_runs import client_of, contents, runs_in, start
from tracked_workspace import run_stages, write_lock

from attn2seq.runs import show as track
from attn2seq.workspace.fingerprint import (
    RUN_STAGES,
    inputs_of_workspace,
    outs_of_workspace,
    run_fingerprint,
)


def test_a_finished_run_has_everything(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert track.main([]) == 0
    (run,) = runs_in(finished)
    assert run.data.params["train.learning_rate"] == "0.001"
    assert run.data.params["train.betas"] == "[0.9, 0.999]"
    assert not [name for name in run.data.params if name.startswith(("report.", "track."))]
    assert run.data.metrics["dev/bleu"] == run.data.metrics["test/bleu"] == 6.0
    # A decoded text's score has the plain name; training's own measures do not hide it.
    assert run.data.metrics["dev/perplexity"] == 33.0
    assert run.data.metrics["dev/token_perplexity"] == 33.1
    assert run.data.metrics["dev/best_loss"] == 0.001
    client = client_of(finished)
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in losses] == [(50, 4.5), (100, 4.0)]
    outs = {stage: outs_of_workspace(finished, stage) for stage in RUN_STAGES}
    fingerprint = run_fingerprint(inputs_of_workspace(finished), outs)
    assert run.data.tags["run_fingerprint"] == fingerprint
    assert run.data.tags["corpus"] == "toy-en-de"
    assert len(run.data.tags["dvc_lock"]) == 16
    assert run.info.run_name == "baseline"
    assert run.data.tags["judged_by"] == "bleu"
    assert run.info.status == "FINISHED"
    data_sets = {item.dataset.name: item.dataset for item in run.inputs.dataset_inputs}
    assert set(data_sets) == {"toy-en-de/train", "toy-en-de/dev", "toy-en-de/test"}
    assert json.loads(data_sets["toy-en-de/train"].profile) == {"num_rows": 3}
    folder = finished / "mlartifacts/toy-en-de" / run.info.run_id / "artifacts"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        "params.yaml", "dvc.lock", "corpus.json", "report/index.html", "train/history.csv",
        "train/metrics.json", "prepare/metrics.json", "evaluate/metrics.json",
        "evaluate/signatures.json", "decode/dev/hypotheses.txt", "decode/test/hypotheses.txt",
        "decode/test/nbest_head.jsonl",
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "make ui" in said
    assert f"#/experiments/{run.info.experiment_id}/runs?compareRunsMode=CHART" in said


def test_the_logged_model_translates(finished: Path) -> None:
    track.main(["--quiet"])
    import mlflow

    files = [path for path in (finished / "mlartifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pyc")]
    assert [path for path in files if path.name == "model.safetensors"]
    (run,) = runs_in(finished)
    mlflow.set_tracking_uri(f"sqlite:///{finished / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"models:/{run.data.tags['model_id']}")
    assert model.predict(["ein hund", "läuft"]) == ["EIN HUND", "LÄUFT"]
    assert json.loads(model.unwrap_python_model().settings) == {"decode": {"beam_size": 5}}
    # The copy says where it is from; the workspace's own folder does not change.
    (card,) = (path.read_text() for path in files if path.name == "README.md")
    assert card.startswith("# toy\n\n## This copy\n")
    assert f"- run fingerprint: {run.data.tags['run_fingerprint']}\n" in card
    assert (finished / "models/model/README.md").read_text() == "# toy\n"


def test_a_second_look_changes_nothing(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track.main([])
    before = contents(finished)
    capsys.readouterr()
    assert track.main([]) == 0
    assert "complete" in capsys.readouterr().out
    assert contents(finished) == before


def test_a_deleted_run_and_a_deleted_experiment_are_left_alone(finished: Path) -> None:
    track.main(["--quiet"])
    (first,) = runs_in(finished)
    client = client_of(finished)
    client.delete_run(first.info.run_id)
    track.main(["--quiet"])
    (second,) = runs_in(finished)
    assert second.info.run_id != first.info.run_id
    assert second.data.metrics == first.data.metrics
    client.delete_experiment(second.info.experiment_id)
    track.main(["--quiet"])
    (third,) = runs_in(finished)
    assert third.info.experiment_id != second.info.experiment_id
    assert client.get_run(second.info.run_id).info.lifecycle_stage == "deleted"


def test_report_and_model_of_the_run_before_are_left_out(finished: Path) -> None:
    (finished / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("beam_size: 5", "beam_size: 9")
    )
    run_stages(finished, "decode", "evaluate")
    # Within the pipeline: the report is still the old one.
    write_lock(finished)
    assert track.main(["--after", "evaluate"]) == 0
    (run,) = runs_in(finished)
    assert run.data.metrics["test/bleu"] == 10.0
    assert "dvc_lock" not in run.data.tags
    names = {item.path for item in client_of(finished).list_artifacts(run.info.run_id)}
    assert "report" not in names
    assert "dvc.lock" not in names
    # And so is the model folder, until its stage has run.
    run_stages(finished, "report")
    assert track.main(["--after", "report"]) == 0
    (run,) = runs_in(finished)
    assert "model_id" not in run.data.tags
    run_stages(finished, "package")
    assert track.main(["--after", "package"]) == 0
    (run,) = runs_in(finished)
    assert "model_id" in run.data.tags
    write_lock(finished)
    assert track.main([]) == 0
    (run,) = runs_in(finished)
    names = {item.path for item in client_of(finished).list_artifacts(run.info.run_id)}
    assert {"report", "dvc.lock"} <= names
    assert "dvc_lock" in run.data.tags


def test_two_processes_make_one_database_and_one_run(bare: Path) -> None:
    run_stages(bare)
    both = [start(bare, "--after", "evaluate") for _ in range(2)]
    for process in both:
        assert process.communicate() == ("", "")
        assert process.returncode == 0
    assert len(runs_in(bare)) == 1


def test_without_mlflow_one_line_says_so(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert track.main(["--after", "evaluate"]) == 0
    assert track.main([]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("MLflow is not installed here") for line in said)
