"""Servers that fail, lie, hang and drip: what may pass is tried again, the rest told plainly."""

import hashlib
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.errors import UserError
from attn2seq.sources import fetch
from attn2seq.sources.download import RETRIES, Places, download_corpus

pytestmark = [pytest.mark.timeout(120), pytest.mark.promise("download")]
LINES = "".join(f"the dog number {i}\tder Hund Nummer {i}\n" for i in range(4000))
CONTENT = LINES.encode()
SHA = hashlib.sha256(CONTENT).hexdigest()
# Nothing listens there, so that the entry's own address is no help.
NOWHERE = "https://127.0.0.1:9/mine.tsv"

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the first of the server's answers that is left, and the last one for ever."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.asked += 1
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: Any) -> None:
        pass

    def head(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked = 0
        self.closing = threading.Event()


def well(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT)


def status(code: int) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0)


def another_version(handler: Handler) -> None:
    handler.head(Content_Length=3)
    handler.wfile.write(b"new")


def cut_half_way(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def cut_without_a_length(handler: Handler) -> None:
    """The end of the connection is the end of the file, so that nothing looks wrong."""
    handler.head()
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def cut_within_a_chunk(handler: Handler) -> None:
    handler.head(Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT[: len(CONTENT) // 2])


def reset_half_way(handler: Handler) -> None:
    cut_half_way(handler)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def of_a_length_too_small(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT) - 100)
    handler.wfile.write(CONTENT)


def silent(handler: Handler) -> None:
    handler.server.closing.wait()


def silent_half_way(handler: Handler) -> None:
    cut_half_way(handler)
    handler.wfile.flush()
    handler.server.closing.wait()


def drip(handler: Handler) -> None:
    """A byte again and again: no single read waits for long."""
    handler.head(Content_Length=len(CONTENT))
    for place in range(len(CONTENT)):
        handler.wfile.write(CONTENT[place : place + 1])
        if handler.server.closing.wait(0.05):
            break


def drip_the_head(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
    while not handler.server.closing.wait(0.05):
        handler.wfile.write(b"a")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


Download = Callable[[], list[str]]


@pytest.fixture
def download(
    tmp_path: Path,
    server: Server,
    entry: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Download:
    """Downloads from the server into tmp_path/raw; gives the lines said."""
    monkeypatch.setattr(fetch, "MAX_WAIT_SECONDS", 0)
    files = [{"url": NOWHERE, "sha256": SHA}]
    sound = CatalogueEntry.model_validate(entry(files=files))

    def run() -> list[str]:
        said: list[str] = []
        mirror = f"http://127.0.0.1:{server.server_port}"
        places = Places(tmp_path / "local", tmp_path / "cache", mirror)
        download_corpus(sound, tmp_path / "raw", places, said.append)
        return said

    return run


def assert_fetched(tmp_path: Path) -> None:
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [SHA]


def test_500_three_times_and_then_well(tmp_path: Path, server: Server, download: Download) -> None:
    server.answers = [status(500), status(500), status(500), well]
    again = [line for line in download() if "trying again" in line]
    assert_fetched(tmp_path)
    assert len(again) == 3
    assert again[0].endswith(
        "/mine/mine.tsv: 500 Internal Server Error; trying again in 0 s (1 of 3)"
    )


PASSING = {
    "503": status(503), "429": status(429), "cut half way": cut_half_way,
    "cut without a length": cut_without_a_length, "cut within a chunk": cut_within_a_chunk,
    "reset": reset_half_way, "of the wrong length": of_a_length_too_small,
    "of the wrong checksum": another_version,
}  # fmt: skip


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes(tmp_path: Path, server: Server, download: Download, name: str) -> None:
    server.answers = [PASSING[name], well]
    download()
    assert_fetched(tmp_path)


LASTING: dict[str, tuple[Answer, str, int]] = {
    # What comes of it, and how often the server is asked.
    "500 for ever": (status(500), "500 Internal Server Error", RETRIES + 1),
    "404": (status(404), "404 Not Found", 1),
    "403": (status(403), "403 Forbidden", 1),
    "cut half way": (cut_half_way, "the connection closed before the end of the file", RETRIES + 1),
    "cut within a chunk": (cut_within_a_chunk, "the connection closed before", RETRIES + 1),
    "reset": (reset_half_way, "reset by peer", RETRIES + 1),
    "of the wrong length": (
        of_a_length_too_small, rf"gave {len(CONTENT) - 100:,} bytes with sha256 \w+,", 2,
    ),
    "of the wrong checksum": (
        another_version, rf"gave 3 bytes with sha256 \w+, but the catalogue says {SHA}", 2,
    ),
    "silent": (silent, r"sent nothing for 0\.3 s", RETRIES + 1),
    "silent half way": (silent_half_way, r"sent nothing for 0\.3 s", RETRIES + 1),
    "dripping": (drip, r"too slow: less than 16,384 bytes in 0\.5 s", RETRIES + 1),
    "dripping its head": (drip_the_head, r"too slow: less than 16,384 bytes", RETRIES + 1),
}  # fmt: skip


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts_ends_in_plain_words(
    tmp_path: Path,
    server: Server,
    download: Download,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    if name.startswith("silent"):
        monkeypatch.setattr(fetch, "SILENCE_SECONDS", 0.3)
    if name.startswith("dripping"):
        monkeypatch.setattr(fetch, "SLOWNESS_SECONDS", 0.5)
    fault, answer, asked = LASTING[name]
    server.answers = [fault]
    with pytest.raises(UserError, match=answer) as caught:
        download()
    assert "cannot fetch mine.tsv of mine" in str(caught.value)
    assert "set CORPUS_MIRROR" in str(caught.value)
    assert server.asked == asked
    assert not (tmp_path / "raw").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_slow_and_goes_on_is_waited_for() -> None:
    """By a clock of the test's own: at each look there is more than at the one before."""
    sink = SimpleNamespace(size=0)

    class Slow:
        def get(self, timeout: float) -> None:
            assert timeout == fetch.SLOWNESS_SECONDS
            sink.size += 1
            if sink.size < 9:
                raise queue.Empty

    assert fetch._wait(Slow(), sink) is None  # type: ignore[arg-type]
    assert sink.size == 9


PROGRAM = """
import sys
from pathlib import Path
from attn2seq.sources.fetch import fetch
fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]), 0, print)
"""


def test_a_download_killed_half_way(tmp_path: Path, server: Server, download: Download) -> None:
    half = threading.Event()

    def half_way(handler: Handler) -> None:
        cut_half_way(handler)
        handler.wfile.flush()
        half.set()
        handler.server.closing.wait()

    server.answers = [half_way, well]
    cache = tmp_path / "cache"
    address = f"http://127.0.0.1:{server.server_port}/mine/mine.tsv"
    command = [sys.executable, "-c", PROGRAM, address, SHA, str(cache)]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": "src"}) as process:
        half.wait()
        process.send_signal(signal.SIGKILL)
    (left,) = cache.iterdir()
    assert left.name != SHA
    # Another process may be at it, so that a young one stays.
    download()
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == CONTENT
    assert left.exists()
    os.utime(left, (0, 0))
    download()
    assert_fetched(tmp_path)
