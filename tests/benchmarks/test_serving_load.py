"""The clients of the benchmark see errors, and answers that are wrong or in another order."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.serving import Figures, under_load

CLIENTS = 5  # one request each, where the time is up at once
EXPECTED = {"one": "eins", "two": "zwei", "three": "drei"}
Answer = Callable[[list[str]], tuple[int, list[str]]]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
            status, found = answer(texts)
            body = json.dumps({"predictions": [{"translation": text} for text in found]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def figures_of(answer: Answer) -> Figures:
    with served(answer) as address:
        return asyncio.run(under_load(address, CLIENTS, 0, EXPECTED))


def translated(texts: list[str]) -> list[str]:
    return [EXPECTED[text] for text in texts]


def test_right_answers_are_counted_with_their_time() -> None:
    asked: list[list[str]] = []
    figures = figures_of(lambda texts: asked.append(texts) or (200, translated(texts)))
    assert len(figures.latencies) == len(asked) == CLIENTS
    assert figures.texts == sum(map(len, asked))
    assert (figures.wrong, figures.errors.total()) == (0, 0)
    assert 0 < min(figures.latencies) <= max(figures.latencies) <= figures.seconds


@pytest.mark.parametrize(
    "fault",
    [lambda found: found[::-1] + found[:1], lambda found: found[1:], lambda found: ["", *found]],
)
def test_wrong_answers_are_counted(fault: Callable[[list[str]], list[str]]) -> None:
    figures = figures_of(lambda texts: (200, fault(translated(texts))))
    assert figures.wrong == len(figures.latencies) == CLIENTS


def test_an_order_that_is_not_kept_is_counted() -> None:
    asked: list[list[str]] = []
    figures = figures_of(lambda texts: asked.append(texts) or (200, translated(texts)[::-1]))
    assert figures.wrong == sum(texts != texts[::-1] for texts in asked) > 0


def test_other_statuses_and_silence_are_errors() -> None:
    figures = figures_of(lambda texts: (503, []))
    assert not figures.latencies
    assert figures.wrong == 0
    assert figures.errors == {'503: {"predictions": []}': CLIENTS}
    gone = asyncio.run(under_load("http://127.0.0.1:9", 2, 0, EXPECTED))
    assert gone.errors == {"ConnectError": 2}
    assert gone.row("none").split()[2] == "0"
