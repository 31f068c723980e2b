"""Which states are a run: finished ones, of one set of params, with the results they recorded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tracked_runs import client_of, runs_in
from tracked_workspace import run_stages, write_lock

from attn2seq.runs import show as track
from attn2seq.runs.cached_files import from_cache


def test_params_edited_between_two_stages_give_no_run(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (finished / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("beam_size: 5", "beam_size: 9")
    )
    # As when the edit comes while evaluate scores what the old beam found.
    run_stages(finished, "evaluate")
    assert track.main(["--after", "evaluate"]) == 1
    assert "edited since an earlier stage ran: decode." in capsys.readouterr().err
    assert runs_in(finished) == []


def test_params_edited_after_the_run_do_not_reach_it(finished: Path) -> None:
    params = (finished / "params.yaml").read_text()
    (finished / "params.yaml").write_text(params.replace("beam_size: 5", "beam_size: 9"))
    assert track.main(["--quiet"]) == 0
    (run,) = runs_in(finished)
    assert run.data.params["decode.beam_size"] == "5"
    names = {item.path for item in client_of(finished).list_artifacts(run.info.run_id)}
    assert "params.yaml" not in names


def test_new_training_beside_old_scores_is_no_run(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = (finished / "dvc.lock").read_text()
    (finished / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("0.001", "0.002")
    )
    run_stages(finished, "train")
    write_lock(finished)
    new = (finished / "dvc.lock").read_text()
    # As after a pipeline that stopped in decode: train is new in dvc.lock, the rest is old.
    head, tail = new[: new.index("  decode:")], old[old.index("  decode:") :]
    (finished / "dvc.lock").write_text(head + tail)
    assert track.main([]) == 1
    assert "has not finished: its stages disagree about models/trained" in capsys.readouterr().err
    assert runs_in(finished) == []


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def dvc(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, check=True)


def test_committed_states_and_experiments_come_back(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The lock, the cache and the experiment are those that DVC itself writes.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (bare / ".gitignore").write_text("/mlflow.db*\n/mlartifacts/\n/.cache/\n__pycache__/\n")
    git(bare, "init")
    git(bare, "config", "user.name", "a")
    git(bare, "config", "user.email", "a@example.org")
    dvc(bare, "init", "--quiet")
    dvc(bare, "config", "core.autostage", "true")
    dvc(bare, "config", "core.analytics", "false")
    git(bare, "add", ".")
    git(bare, "commit", "-m", "code")
    run_stages(bare)
    dvc(bare, "commit", "--quiet", "--force")
    git(bare, "add", ".")
    git(bare, "commit", "-m", "first run")
    dvc(bare, "exp", "run", "--quiet", "--name", "wide", "-S", "decode.beam_size=9")
    git(bare, "checkout", "--force", "HEAD")
    metrics = bare / "results/evaluate/metrics.json"
    metrics.write_text("{}")
    git(bare, "commit", "-am", "doctored")
    capsys.readouterr()
    assert track.main(["--all"]) == 0
    said = capsys.readouterr().out
    assert "wide: run wide: added" in said
    assert "nothing to restore: the committed results/evaluate/metrics.json is not" in said
    runs = {run.data.params["decode.beam_size"]: run for run in runs_in(bare)}
    assert set(runs) == {"5", "9"}
    assert runs["9"].data.metrics["test/bleu"] == 10.0
    assert runs["9"].data.tags["dvc_exp_name"] == "wide"
    for run in runs.values():
        assert run.data.metrics["train/loss"] == 4.0
        assert len(run.inputs.dataset_inputs) == 3
        assert "model_id" in run.data.tags
        files = client_of(bare).list_artifacts(run.info.run_id, "decode/test")
        assert "decode/test/nbest_head.jsonl" in [item.path for item in files]


@pytest.mark.promise("inside")
@pytest.mark.parametrize("path", ["results/../../outside", "/results/a", "results/a"])
def test_a_lock_file_cannot_name_a_place_outside(
    path: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither by its path nor by what stands in place of an md5."""
    lock = (finished / "dvc.lock").read_text()
    known = "results/evaluate/metrics.json"
    if path == "results/a":
        head, _, tail = lock.partition(f"path: {known}\n")
        md5 = tail.strip().partition("\n")[0]
        lock = head + f"path: {known}\n" + tail.replace(md5, "md5: ../../../../etc/passwd", 1)
    else:
        lock = lock.replace(known, path)
    (finished / "dvc.lock").write_text(lock)
    assert track.main([]) == 1
    assert "nothing to add" in capsys.readouterr().err
    assert runs_in(finished) == []
    assert not (finished.parent / "outside").exists()


@pytest.mark.parametrize("listing", ["", "[", "{}x", '[{"relpath": "a"}]', "[3]"])
def test_a_damaged_listing_in_dvcs_cache_counts_as_gone(tmp_path: Path, listing: str) -> None:
    cache = tmp_path / "cache"
    (cache / "12").mkdir(parents=True)
    (cache / "12/34.dir").write_text(listing)
    assert not from_cache(cache, "1234.dir", tmp_path / "target")
    assert not (tmp_path / "target").exists()
