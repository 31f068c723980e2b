"""The command line as a whole: its verbs, their help, how it ends, and where it may be used."""

import errno
import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from attn2seq.cli import model_verbs, run_verbs, workspace_verbs
from attn2seq.cli.main import main
from attn2seq.errors import UserError

ROOT = Path(__file__).parents[2]
VERBS = [verb.__name__ for verb in (*workspace_verbs.VERBS, *model_verbs.VERBS, *run_verbs.VERBS)]
HEAVY = ("torch", "mlflow", "dvc", "flask", "pandas", "numpy", "ruamel.yaml")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "attn2seq.cli.main", *arguments],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment,
    )  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "deep/inside").mkdir(parents=True)
    (root / "params.yaml").write_text("download: {corpus: toy}\n")
    (root / "dvc.yaml").touch()
    (root / "recipes").mkdir()
    for name in ("phrasebook-en-de", "other"):
        (root / f"recipes/{name}.yaml").write_text("download: {corpus: toy}\n")
    return root


def test_it_is_installed_as_attn2seq() -> None:
    found = entry_points(group="console_scripts", name="attn2seq")
    assert found["attn2seq"].load() is main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"attn2seq {version('attn2seq')}\n"


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {verb} " in told for verb in VERBS)
    assert "..." not in told.partition("Commands:")[2]  # each has a line of its own
    assert main([]) == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_that_80_columns_hold(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"  attn2seq {verb}" in told.partition("Example")[2]
    assert max(map(len, told.splitlines())) <= 80
    assert "\b" not in told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["transl"], "Did you mean 'translate'?"),
        (["translate", "--beem-size", "2"], "--beam-size"),
        (["gc", "--no"], "No such option: --no"),
        (["ui", "--port", "many"], "'--port'"),
        (["compare"], "Missing argument 'AGAINST'"),
    ],
)
def test_a_wrong_command_line_gets_the_nearest(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == 2
    printed, told = capsys.readouterr()
    assert printed == ""
    assert said in told


def test_help_waits_for_no_large_library() -> None:
    script = (
        "import sys; from attn2seq.cli.main import main\n"
        "for verb in sys.argv[1:]: main([verb, '--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, "--help", *VERBS],
        capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert found.stderr == "[]\n"


def test_a_mistake_is_told_with_the_verb(
    monkeypatch: pytest.MonkeyPatch, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace / "deep")
    assert main(["recipe", "nothing"]) == 1
    assert capsys.readouterr().err.startswith("attn2seq recipe: error: no recipe nothing in")


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [(KeyboardInterrupt, 130, ""), (BrokenPipeError, 0, ""),
     (UserError("wrong"), 1, "attn2seq summary: error: wrong\n"),
     (PermissionError(errno.EACCES, "Permission denied", "params.yaml"), 1,
      "attn2seq summary: error: [Errno 13] Permission denied: 'params.yaml'\n"),
     (OSError(errno.ENOSPC, "No space left on device"), 1,
      "attn2seq summary: error: [Errno 28] No space left on device. Free some space (`make gc` "
      "lists what can be removed)\n")],
)  # fmt: skip
def test_how_a_verb_ends(
    raised: BaseException, status: int, said: str, workspace: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail() -> None:
        raise raised

    monkeypatch.chdir(workspace)
    monkeypatch.setattr("attn2seq.cli.summary.summary_lines", fail)
    assert main(["summary"]) == status
    assert capsys.readouterr() == ("", said)


def test_without_a_workspace_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (["summary"], ["recipe", "x"], ["gc"], ["ui"], ["compare", "main"]):
        assert main(given) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"attn2seq {given[0]}: error: no workspace: neither {tmp_path} nor")
        assert "git clone" in said
    for verb in ("translate", "score", "demo"):
        assert main([verb]) == 1
        assert "Name a model with --model FOLDER" in capsys.readouterr().err


def test_a_workspace_is_found_from_within(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace / "deep/inside")
    assert main(["summary"]) == 1
    assert "no results yet" in capsys.readouterr().err
    monkeypatch.chdir(workspace / "deep/inside")
    assert main(["translate", "a"]) == 1
    said = capsys.readouterr().err
    assert f"{workspace / 'models/model'} is missing. `make repro` trains one" in said
    (workspace / ".cache").mkdir()
    holder = workspace / ".cache/stage.json"
    holder.write_text(f'{{"stage": "train", "pid": {os.getpid()}}}')
    assert main(["translate", "a"]) == 1
    assert f"a training is running (process {os.getpid()})" in capsys.readouterr().err
    holder.write_text(f'{{"stage": "decode", "pid": {os.getpid()}}}')
    assert main(["translate", "a"]) == 1
    assert "a training is running" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shell", "variable"), [("bash", "COMP_WORDS"), ("zsh", "_TYPER_COMPLETE_ARGS"),
                            ("fish", "_TYPER_COMPLETE_ARGS")]
)  # fmt: skip
def test_a_shell_s_completion_script(shell: str, variable: str) -> None:
    found = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert found.returncode == 0
    assert "attn2seq" in found.stdout
    assert variable in found.stdout


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("attn2seq tra", {"translate", "track"}), ("attn2seq recipe o", {"other"}),
     ("attn2seq translate --sc", {"--scores"})],
)  # fmt: skip
def test_completion(
    typed: str, expected: set[str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace / "deep")
    found = run(
        _ATTN2SEQ_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(typed.count(" "))
    )
    assert set(found.stdout.split()) == expected


def test_ctrl_c_in_the_first_moment_is_quiet() -> None:
    """While typer, or what a verb needs, is imported."""
    script = (
        "import signal, sys, builtins; real = builtins.__import__\n"
        "def stop(name, *rest):\n"
        "    if name == 'typer': signal.raise_signal(signal.SIGINT)\n"
        "    return real(name, *rest)\n"
        "from attn2seq.cli.main import main\n"
        "builtins.__import__ = stop\n"
        "sys.exit(main(['--help']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")
