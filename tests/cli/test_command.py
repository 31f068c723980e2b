"""The console command: what it lists, and that it waits for nothing it does not need."""

import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from attn2seq.cli import command


def test_it_is_installed_as_attn2seq() -> None:
    found = entry_points(group="console_scripts", name="attn2seq")
    assert found["attn2seq"].load() is command.main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"attn2seq {version('attn2seq')}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    told = capsys.readouterr().out
    for name in ("translate", "demo"):
        assert f"\n  {name} " in told
        with pytest.raises(SystemExit) as ended:
            command.main([name, "--help"])
        assert ended.value.code == 0
        assert f"usage: attn2seq {name}" in capsys.readouterr().out


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["trans"])
    assert ended.value.code == 2
    assert "invalid choice: 'trans'" in capsys.readouterr().err


HEAVY = ("torch", "mlflow", "dvc", "flask", "pandas")


@pytest.mark.parametrize("asked", [["--help"], ["translate", "--help"], ["demo", "--help"]])
def test_help_waits_for_no_large_library(asked: list[str]) -> None:
    script = (
        "import sys\n"
        "from attn2seq.cli.command import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, *asked], capture_output=True, text=True, check=True
    )
    assert found.stderr == "[]\n"
