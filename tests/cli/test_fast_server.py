"""`attn2seq serve --fast` as a process: where it listens, how it ends, and what it says."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from table_model import decode_settings

from attn2seq.cli import fast_server
from attn2seq.cli.main import main

ROOT = Path(__file__).parents[2]
TOLD = re.compile(
    r"serving (\S+); in a moment, try\n  curl (http://127\.0\.0\.1:\d+)/invocations "
    r"-H 'Content-Type: application/json' -d '\{\"inputs\": \[\"a text\"\]\}'\n"
)


@pytest.fixture(scope="module")
def folder(complete_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = decode_settings(beam_size=4, max_length_factor=2.0, max_length_offset=8)
    return complete_model(tmp_path_factory.mktemp("served") / "model", settings)


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and its address, which may not be answering yet."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "attn2seq.cli.main", "serve", "--fast", "--port", "0"]
    with subprocess.Popen(
        [*command, "--model", str(folder)], cwd=folder.parent, text=True,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            told = process.stdout.readline() + process.stdout.readline()
            found = TOLD.fullmatch(told)
            assert found, told
            assert found[1] == str(folder)
            yield process, found[2]
        finally:
            process.kill()


def get(address: str) -> tuple[int, str]:
    try:
        with urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def translations(address: str, texts: list[str]) -> list[str]:
    body = json.dumps({"inputs": texts}).encode()
    request = Request(f"{address}/invocations", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=300) as answer:
        return [one["translation"] for one in json.load(answer)["predictions"]]


def accepted(address: str) -> float:
    """Requests that came in so far, whether they are answered yet or not."""
    figures = dict(
        line.rsplit(" ", 1) for line in get(f"{address}/metrics")[1].splitlines() if line[0] != "#"
    )
    names = ("attn2seq_requests_in_progress", 'attn2seq_requests_total{status="200"}')
    return sum(float(figures.get(name, 0)) for name in names)


@pytest.mark.promise("loopback")
def test_what_was_accepted_is_answered_after_sigterm(folder: Path) -> None:
    requests = [["a dog runs on the grass", "she reads", f"{number}"] * 10 for number in range(6)]
    with server(folder) as (process, address):
        while get(f"{address}/ready")[0] != 200:
            assert get(f"{address}/health")[0] == 200
            time.sleep(0.05)  # it loads in the same process
        # 127.0.0.2 is this machine too, and is not listened on.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", int(address.rpartition(":")[2])), timeout=60)
        with ThreadPoolExecutor(len(requests)) as pool:
            answers = [pool.submit(translations, address, texts) for texts in requests]
            while accepted(address) < len(requests):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            found = [answer.result() for answer in answers]
        _, errors = process.communicate()
    assert [len(one) for one in found] == [len(texts) for texts in requests]
    assert all(one[:3] * 10 == one for one in found)
    assert (process.returncode, errors) == (0, "")


def test_ctrl_c_ends_it_while_it_loads(folder: Path) -> None:
    with server(folder) as (process, _):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--model", "models/model"], "--model needs --fast: MLflow's server serves the champion"),
        (["--host", "127.0.0.1"], "--host needs --fast"),
        (["--fast", "--model", "nowhere"], "nowhere"),
        (["--fast", "--model", ".", "--port", "99999"], "port 99999 cannot be used"),
        (["--fast", "--model", ".", "--host", "no.such.host.invalid"], "of no.such.host.invalid c"),
        (["--fast"], "no workspace"),
    ],
)
def test_mistakes_are_told_in_a_line(
    given: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    usual = signal.getsignal(signal.SIGTERM)
    assert main(["serve", "--port", "0", *given]) == 1
    told = capsys.readouterr().err
    assert told.startswith("attn2seq serve: error: ")
    assert said in told
    assert signal.getsignal(signal.SIGTERM) is usual


def test_what_other_libraries_log_to_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some close their stream with the handler: absl does, which scoring loads."""

    class Handler(logging.StreamHandler[TextIO]):
        closed = False

        def close(self) -> None:
            self.closed = True
            super().close()

    handler = Handler()
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--fast", "--model", "nowhere", "--port", "0"]) == 1
    assert not handler.closed


def test_packages_that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fast_server, "PACKAGES", ("starlette", "no_such_package"))
    assert main(["serve", "--fast", "--model", "."]) == 1
    assert capsys.readouterr().err == (
        "attn2seq serve: error: --fast needs no-such-package, not installed here: "
        "pip install 'attn2seq[serve]'\n"
    )


@pytest.mark.parametrize(
    ("host", "address", "warned"),
    [
        ("127.0.0.1", "http://127.0.0.1:5001/", False),
        ("::1", "http://[::1]:5001/", False),
        ("192.0.2.1", "http://192.0.2.1:5001/", True),
        ("::", "http://[::]:5001/", True),
    ],
)
def test_other_machines_are_warned_of(
    host: str, address: str, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    fast_server._tell("a model", host, 5001)
    out, err = capsys.readouterr()
    assert address in out
    assert len(err.splitlines()) == warned
    assert warned == (f"other machines may reach {host}, where" in err)
