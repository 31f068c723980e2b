"""What `make ui` starts, but for the pages: those are in test_ui_in_browser.py."""

import socket
import sys
from pathlib import Path

import pytest
from tracking_server import free_port

from attn2seq.cli import ui
from attn2seq.cli.local_server import served
from attn2seq.cli.main import main


def test_a_taken_port_is_told(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["ui", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"attn2seq ui: error: port {port} is taken")
    assert f"make ui PORT={port + 50}" in said


@pytest.mark.parametrize(("told", "expected"), [(None, "False"), ("true", "True")])
def test_the_server_runs_jobs_only_where_told(
    told: str | None, expected: str, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, asked = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", finished / "jobs.txt"
    monkeypatch.delenv(name, raising=False)
    if told:
        monkeypatch.setenv(name, told)
    question = (
        "import sys; from mlflow.environment_variables import MLFLOW_SERVER_ENABLE_JOB_EXECUTION "
        "as jobs; open(sys.argv[1], 'w').write(str(jobs.get()))"
    )
    # In place of the server: what MLflow makes of its environment.
    monkeypatch.setattr(
        ui, "served", lambda _, env: served([sys.executable, "-c", question, str(asked)], env=env)
    )
    assert main(["ui", "--port", str(free_port())]) == 0
    assert asked.read_text() == expected
