"""What is told before any work: slips in the files that DVC reads first, and what git says."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from attn2seq.cli.main import main
from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.runs.beside import wanted
from attn2seq.workspace.door import check_git, tells_of_path

ROOT = Path(__file__).parents[2]
MERGE = "<<<<<<< HEAD\n  seed: 1\n=======\n  seed: 2\n>>>>>>> other\n"
SLIPS = {
    "\tseed: 1\n": "that cannot start any token: indent with spaces, not with a tab",
    "  seed: 1: 2\n": "line 2: mapping values are not allowed here: a line is `key: value`",
    "  seed: 1\n   steps: 2\n": "line 3: mapping values are not allowed here: a line is",
    "    seed: 1\n  steps: 2\n": "line 3: expected <block end>, but found",
    "  name: 'abc\n  seed: 1\n": "close the quote that was opened in line 2",
    "  a: [1, 2\n  seed: 1\n": "close the bracket that was opened in line 2",
    "  seed: 1\n  seed: 2\n": "line 3: found duplicate key \"seed\"",
    "  a: @x\n": "line 2: found character '@' that cannot start any token: put the value in quotes",
    MERGE: "line 2: <<<<<<< is the mark of a merge that git could not finish: keep one of the two",
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's own files, in a git repository of their own."""
    for name in ("params.yaml", "dvc.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "data/catalogue", tmp_path / "data/catalogue")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.promise("mistakes")
@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("file", ["params.yaml", "dvc.yaml", "dvc.lock"])
def test_a_slip_in_yaml_is_told_with_its_line_and_remedy(
    workspace: Path, file: str, slip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / file).write_text(f"train:\n{slip}", encoding="utf-8")
    for verb in (["check"], ["experiment", "-S", "train.seed=1"], ["experiments"], ["summary"]):
        assert main(verb) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"attn2seq {verb[0]}: error: {file}, line "), said
        assert SLIPS[slip] in said, said


@pytest.mark.parametrize("lock", ["", "- a\n", "schema: '2.0'\n", "stages:\n"])
def test_a_lock_without_stages_is_told_with_the_remedy(
    workspace: Path, lock: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "dvc.lock").write_text(lock, encoding="utf-8")
    for verb in (["check"], ["experiments"], ["summary"], ["compare", "HEAD"], ["track"]):
        assert main(verb) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"attn2seq {verb[0]}: error: dvc.lock lists no stages"), said
        assert "`git checkout HEAD -- dvc.lock`" in said
    (workspace / "dvc.lock").unlink()  # the other remedy
    assert main(["check"]) == 0


def test_the_remedy_of_a_merge_works(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def git(*arguments: str, status: int = 0) -> None:
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        done = subprocess.run(["git", *who, *arguments], cwd=workspace, check=False)
        assert done.returncode == status

    lock = workspace / "dvc.lock"
    before = lock.read_text(encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    git("checkout", "--quiet", "-b", "other")
    lock.write_text(before.replace("md5: ", "md5: 0"), encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "two")
    git("checkout", "--quiet", "-")
    lock.write_text(ours := before.replace("md5: ", "md5: 1"), encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "three")
    git("merge", "other", status=1)
    assert main(["check"]) == 1
    assert "or take a whole side with `git checkout --ours dvc.lock`" in capsys.readouterr().err
    git("checkout", "--ours", "dvc.lock")
    assert lock.read_text(encoding="utf-8") == ours
    assert main(["check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_all_that_the_stage_check_finds_is_found_before_dvc_starts(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (workspace / "params.yaml").read_text(encoding="utf-8")
    (workspace / "params.yaml").write_text(text.replace("beam_size:", "beem_size:"), "utf-8")
    assert main(["check"]) == 1
    said = capsys.readouterr().err
    assert "decode.beem_size: unknown key (did you mean decode.beam_size?)" in said


@pytest.mark.parametrize("target", ["repro", "report"])
def test_make_looks_before_it_starts_dvc(target: str) -> None:
    recipe = (ROOT / "Makefile").read_text().split(f"\n{target}: $(READY)")[1].split("\n\n")[0]
    assert 0 < recipe.index("attn2seq check") < recipe.index("dvc repro")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_clone_that_belongs_to_another_user(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """git's own sentence is passed on, with its remedy, which works."""
    for path in (workspace, workspace / ".git"):
        os.chown(path, 12345, 12345)
    for verb in (
        ["check"], ["experiments"], ["experiment", "-S", "train.seed=1"], ["compare", "HEAD"],
        ["track", "--all"], ["translate", "--model", "HEAD", "a text"],
    ):  # fmt: skip
        assert main(verb) == 1
        said = capsys.readouterr().err
        assert "detected dubious ownership in repository at" in said
        assert f"git config --global --add safe.directory {workspace}" in said
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
        patch.setenv("GIT_CONFIG_VALUE_0", str(workspace))
        check_git(workspace, "this")


def test_a_workspace_within_another_repository(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = workspace / "services" / "attn2seq"
    inner.mkdir(parents=True)
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", "data"):
        (workspace / name).rename(inner / name)
    monkeypatch.chdir(inner)
    for verb in (
        ["check"], ["experiments"], ["compare", "HEAD"], ["track", "--all"],
        ["translate", "--model", "HEAD", "a text"], ["experiment", "-S", "train.seed=1"],
    ):  # fmt: skip
        assert main(verb) == 1
        said = capsys.readouterr().err
        assert f"{inner} lies in another git repository, {workspace}" in said
        assert "`git init`" in said
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert main(["check"]) == 0


def test_no_repository_at_all(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(workspace / ".git")
    assert main(["check"]) == 0
    for verb in (["experiments"], ["experiment", "-S", "train.seed=1"], ["track", "--all"]):
        assert main(verb) == 1
        assert f"needs a git repository, and {workspace} is none: `git init`" in (
            capsys.readouterr().err
        )
    with pytest.raises(UserError, match="an experiment needs a git repository"):
        check_git(workspace, "an experiment")


@pytest.mark.parametrize("name", ["feature%2Fnew", "50% done"])
def test_a_percent_sign_in_the_folders_name(
    workspace: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """MLflow's database cannot lie there: one sentence, and nothing waits for it."""
    inner = workspace / name
    inner.mkdir()
    for file in ("params.yaml", "dvc.yaml", "dvc.lock", "data", ".git"):
        (workspace / file).rename(inner / file)
    (inner / ".dvc").mkdir()
    monkeypatch.chdir(inner)
    sentence = f"no run is stored in MLflow: the path {inner} holds a %"
    assert main(["check"]) == 0
    assert capsys.readouterr().err.startswith(f"check: {sentence}")
    assert main(["track"]) == 1
    assert sentence in capsys.readouterr().err
    assert main(["register"]) == 1
    assert sentence in capsys.readouterr().err
    assert not wanted(read_yaml(inner / "params.yaml"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert tells_of_path(inner) is None
    assert wanted(read_yaml(inner / "params.yaml"))
