"""A model that is named by a revision or an MLflow address translates as its folder does."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from table_model import decode_settings
from tiny_model import TEXTS

from attn2seq.cli.main import main
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import Group, ModelFiles, RunRecord
from attn2seq.runs.show import store_of

SETTINGS = decode_settings(beam_size=3, min_length=1, max_length_offset=8)
PARAMS = {"prepare": {"unicode_form": "nfkc"}, "decode": SETTINGS.model_dump()}
WIDE = "\uff41 \uff43\uff41\uff54"  # "a cat" in full-width letters
Complete = Callable[..., Path]
EXPERIMENT = "refs/exps/ab/" + "c" * 38 + "/puffy-moth"


def shell(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def translated(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["translate", *arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["translate", *arguments, "a cat"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err.removeprefix("attn2seq translate: error: ")


@pytest.fixture(scope="module")
def repository(
    model_folder: Path, complete_model: Complete, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A commit without a model; one as they were before the stage `package`, one as they are now;
    an experiment with the latter. Nothing in the workspace.
    """
    root = tmp_path_factory.mktemp("repository")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        shell("git", "init", "-q")
        for key, value in {
            "user.name": "Test", "user.email": "test@example.org", "commit.gpgsign": "false",
        }.items():  # fmt: skip
            shell("git", "config", key, value)
        shell("git", "commit", "-q", "--allow-empty", "-m", "none")
        shell(sys.executable, "-m", "dvc", "init", "--quiet")
        shutil.copytree(model_folder, "models/model")
        Path("params.yaml").write_text(json.dumps(PARAMS))
        commit_model({"train": ["models/model"]}, "old")
        shutil.rmtree("models/model")
        shutil.copytree(model_folder, "models/trained")
        # The folder's settings count, and no longer these.
        Path("params.yaml").write_text(json.dumps({"decode": {}}))
        complete_model(Path("models/model"), SETTINGS, "nfkc")
        commit_model({"train": ["models/trained"], "package": ["models/model"]}, "new")
        shell("git", "update-ref", EXPERIMENT, "HEAD")
        shell("git", "rm", "-q", "dvc.lock")
        shutil.rmtree("models")
        shell("git", "commit", "-q", "-m", "and none again")
        Path("params.yaml").unlink()
    return root


def commit_model(outs: dict[str, list[str]], tag: str) -> None:
    stages = {
        stage: {"cmd": "echo", "params": ["decode"], "outs": paths} for stage, paths in outs.items()
    }
    Path("dvc.yaml").write_text(json.dumps({"stages": stages}))
    shell(sys.executable, "-m", "dvc", "commit", "--quiet", "--force")
    shell("git", "add", ".")
    shell("git", "commit", "-q", "-m", "a model")
    shell("git", "tag", tag)


@pytest.fixture
def by_folder(
    complete_model: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    folder = complete_model(tmp_path / "complete", SETTINGS, "nfkc")
    found = translated(capsys, "--model", str(folder), *TEXTS, WIDE)
    assert found[-1] == found[5]
    return found


@pytest.mark.parametrize("name", ["old", "new", "HEAD~1", "puffy-moth"])
def test_a_revision(
    name: str, repository: Path, by_folder: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(repository)
    shutil.rmtree(repository / ".cache/models", ignore_errors=True)
    assert translated(capsys, "--model", name, *TEXTS, WIDE) == by_folder
    [kept] = (repository / ".cache/models").iterdir()
    # From now on, neither DVC nor its cache is asked.
    (repository / ".dvc/cache").rename(repository / "elsewhere")
    try:
        assert translated(capsys, "--model", name, *TEXTS, WIDE) == by_folder
        shutil.rmtree(kept)
        said = refused(capsys, "--model", name)
    finally:
        (repository / "elsewhere").rename(repository / ".dvc/cache")
    assert said.startswith(
        f"the model of {name} is not in DVC's cache, nor to be had from a remote"
    )
    assert not kept.exists()


def test_a_clone_whose_cache_is_empty(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shell("git", "clone", "-q", str(repository), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    for name in ("HEAD~1", "old"):
        said = refused(capsys, "--model", name)
        assert said.startswith(f"the model of {name} is not in DVC's cache, nor to be had")
        assert main(["demo", "--model", name, "--port", "0"]) == 1
        out, err = capsys.readouterr()
        assert (out, err.partition(": error: ")[2]) == ("", said)
    assert list(Path(".cache/models").iterdir()) == []


def test_revisions_without_a_model_are_told(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    said = refused(capsys, "--model", "HEAD")
    assert said == "HEAD has no trained model: its dvc.lock names none\n"
    for name in ("no-such", "HEAD~99"):
        said = refused(capsys, f"--model={name}")
        assert said.startswith(f"{name} is neither a model folder nor a revision here")


def test_a_model_that_this_code_cannot_run_comes_with_a_remedy(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    shutil.rmtree(repository / ".cache/models", ignore_errors=True)
    translated(capsys, "--model", "HEAD~1", "a cat")
    [kept] = (repository / ".cache/models").iterdir()
    whole = (kept / "config.json").read_bytes()
    (kept / "config.json").write_bytes(whole.replace(b'"format":', b'"former":'))
    said = refused(capsys, "--model", "HEAD~1")
    assert "is not of model format" in said
    assert "`git worktree add <folder> HEAD~1`" in said
    (kept / "config.json").write_bytes(whole)
    # A mistake in an option is no fault of the model's.
    said = refused(capsys, "--model", "HEAD~1", "--beam-size", "0")
    assert "decode.beam_size" in said
    assert "worktree" not in said


def test_addresses_in_mlflow(
    by_folder: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said = refused(capsys, "--model", "models:/toy@champion")
    assert "no runs here" in said
    assert not (tmp_path / "mlflow.db").exists()
    files = ModelFiles(tmp_path / "complete")
    record = RunRecord("i", "f", None, Group("toy", ""), "a run", "lstm", {}, {}, model=files)
    runs = Runs(store_of(tmp_path, None), 5)
    run_id = runs.complete(record).run_id
    model_id = runs.client.get_run(run_id).data.tags["model_id"]
    runs.client.create_registered_model("toy")
    runs.client.create_model_version("toy", f"models:/{model_id}", run_id=run_id)
    runs.client.set_registered_model_alias("toy", "champion", "1")
    for address in ("models:/toy@champion", "models:/toy/1", f"runs:/{run_id}/model"):
        assert translated(capsys, "--model", address, *TEXTS, WIDE) == by_folder
    for address in ("models:/toy@none", "models:/toy/2", "runs:/none/model"):
        said = refused(capsys, "--model", address)
        assert said.startswith(f"{address} names no model in sqlite:///")
        assert said.count("\n") == 1
    for address in ("models:/", "runs:/none", "models:/toy@"):
        assert refused(capsys, "--model", address).startswith(f"{address} is no address")
