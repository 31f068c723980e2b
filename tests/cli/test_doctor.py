"""`attn2seq doctor`: what is in order, what is worth a note, and what is broken."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attn2seq.cli import doctor
from attn2seq.cli.main import main
from attn2seq.workspace import check_surroundings

Doctor = Callable[[], tuple[int, str]]


@pytest.fixture
def examined(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    for name in ("CORPUS_MIRROR", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)

    def run() -> tuple[int, str]:
        status = main(["doctor"])
        out, err = capsys.readouterr()
        assert err == ""
        # A word that is longer than a line, such as a path of a test, is not broken.
        lines = [line.split() for line in out.splitlines() if len(line) > 80]
        assert all(max(map(len, words)) > 60 for words in lines)
        return status, " ".join(out.split())

    return run


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (tmp_path / "params.yaml").write_text("train: {seed: 1}\n")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    return tmp_path


def test_outside_a_workspace(
    examined: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, said = examined()
    assert status == 0
    assert "ok packages attn2seq" in said
    assert "number type auto is" in said
    assert f"note workspace none: neither {tmp_path} nor" in said
    assert "dvc cache" not in said


def test_a_workspace_from_within(examined: Doctor, workspace: Path) -> None:
    status, said = examined()
    assert status == 0
    assert f"ok workspace {workspace}" in said
    assert f"ok dvc cache {workspace}/.dvc/cache" in said
    assert "ok mlflow mlflow.db comes with the first run" in said
    assert "note git an experiment needs a git repository" in said
    assert "note code this command's code is" in said
    assert "BAD" not in said


def test_a_mirror(examined: Doctor, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUS_MIRROR", str(workspace))
    assert f"ok mirror {workspace}, 4 entries" in examined()[1]
    monkeypatch.setenv("CORPUS_MIRROR", "/nowhere")
    status, said = examined()
    assert status == 1
    assert "BAD mirror CORPUS_MIRROR names /nowhere, which is no folder name one that" in said


def test_a_store_that_does_not_answer_is_worth_a_note(
    examined: Doctor, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    status, said = examined()
    assert status == 0
    assert "note mlflow" in said
    assert "`make track` adds them when the store answers" in said


def test_broken_settings(examined: Doctor, workspace: Path) -> None:
    (workspace / "params.yaml").write_text("train: {seed: 1\n")
    status, said = examined()
    assert status == 1
    assert "BAD workspace params.yaml, line 2" in said


def test_torch_that_cannot_be_loaded(
    examined: Doctor, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    status, said = examined()
    assert status == 1
    assert "BAD device torch cannot be loaded" in said


def test_packages_that_are_not_there(
    examined: Doctor, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "STAGES", ("sacrebleu", "sacrebleau"))
    monkeypatch.setattr(doctor, "PIPELINE", ("dvc", "mlflo"))
    status, said = examined()
    assert status == 1
    assert "BAD packages without sacrebleau" in said
    assert "note pipeline no DVC or no MLflow" in said


def test_a_gpu_that_torch_cannot_use(
    examined: Doctor, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(check_surroundings, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    status, said = examined()
    assert status == 0
    assert "note gpu there is an NVIDIA driver, but torch" in said


def test_little_space_and_no_identity(
    examined: Doctor, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LITTLE_DISK_BYTES", 1 << 60)
    monkeypatch.setattr(doctor, "_config", lambda command: "")
    monkeypatch.setattr("attn2seq.workspace.door.check_git", lambda root, needed_for: None)
    status, said = examined()
    assert status == 0
    assert "note disk" in said
    assert "attn2seq gc" in said
    assert "note git user.name and user.email not set" in said
    assert "git config --global user.email ..." in said
