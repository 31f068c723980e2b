"""The application in this process: answers, limits, health, metrics."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from table_model import decode_settings

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translation import Translation
from attn2seq.decoding.translator import Translator
from attn2seq.errors import UserError
from attn2seq.serving import app as serving
from attn2seq.serving import batch_queue
from attn2seq.serving.app import make_app
from attn2seq.serving.invocations import MAX_CHARACTERS, MAX_TEXTS

SETTINGS = decode_settings(beam_size=3, min_length=1, max_length_factor=2.0, max_length_offset=8)
WORDS = ["a dog runs", "two men sit at a table", "she reads", "a cat", "the children play", ""]


@pytest.fixture(scope="module")
def translator(model_folder: Path) -> Translator:
    return Translator(model_folder, SETTINGS, lambda text: None)


@contextmanager
def client_of(load: Callable[[], Any], *, ready: bool = True) -> Iterator[TestClient]:
    failed: list[Exception] = []
    app = make_app(load, failed.append)
    with TestClient(app, raise_server_exceptions=False) as client:
        while ready and not failed and client.get("/ready").status_code != 200:
            pass
        yield client
    assert not failed


@pytest.fixture(scope="module")
def client(translator: Translator) -> Iterator[TestClient]:
    with client_of(lambda: translator) as client:
        yield client


class Waiting:
    """A translator that translates nothing until it is told to go on."""

    def __init__(self) -> None:
        self.settings: DecodeSettings = SETTINGS
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.translated: list[str] = []

    def translate(self, texts: list[str], **options: object) -> list[Translation]:
        self.begun.set()
        assert self.goes_on.wait(60)
        self.translated += texts
        raise ValueError("a defect, with a secret in it")


def post(client: TestClient, texts: object, **params: object) -> tuple[int, dict[str, Any]]:
    answer = client.post("/invocations", json={"inputs": texts, "params": params})
    return answer.status_code, answer.json()


def test_fifty_clients_at_once_each_get_what_they_get_alone_in_order(
    client: TestClient, translator: Translator
) -> None:
    """Float32: a text's translation does not depend on what it is decoded with."""
    requests = [
        [WORDS[(client + place) % len(WORDS)] for place in range(1 + client % 7)]
        for client in range(50)
    ]
    alone = {text: translator.translate([text], nbest=2)[0] for text in WORDS}
    before = batches(client)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda texts: post(client, texts, nbest=2), requests))
    assert batches(client) - before < 25
    for texts, (status, answer) in zip(requests, answers, strict=True):
        assert status == 200
        for text, found in zip(texts, answer["predictions"], strict=True):
            expected = alone[text].hypotheses
            assert found["translation"] == expected[0].text
            assert [one["text"] for one in found["nbest"]] == [one.text for one in expected]
            assert found["score"] == pytest.approx(expected[0].score, abs=1e-4)


def batches(client: TestClient) -> float:
    (line,) = (
        line for line in client.get("/metrics").text.splitlines()
        if line.startswith("attn2seq_batch_texts_count")
    )  # fmt: skip
    return float(line.split()[1])


def test_a_text_that_cannot_be_read_as_it_stands_has_notes(client: TestClient) -> None:
    status, answer = post(client, ["a cat\nreads", "a cat"], nbest=1)
    assert status == 200
    assert [len(one["notes"]) for one in answer["predictions"]] == [1, 0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is not JSON (Expecting value"),
        (b"[" * 100_000, "the body is not JSON"),
        (b'{"inputs": ["\xff"]}', "the body is not JSON"),
        (b"[]", "the body must be an object with texts"),
        (b'{"params": {}}', "the body must be an object with texts"),
        (b'{"inputs": "a text"}', "the input must be a list of strings"),
        (b'{"inputs": []}', "the list of texts is empty"),
        (b'{"inputs": ["a", "\\ud800"]}', "text 2 is no text"),
        (b'{"inputs": ["a"], "parms": {}}', "unknown key parms (did you mean params?)"),
        (b'{"inputs": ["a"], "params": []}', "params must be an object"),
        (b'{"inputs": ["a"], "params": {"nbst": 2}}', "unknown key nbst (did you mean nbest?)"),
        (b'{"inputs": ["a"], "params": {"nbest": 9}}', "9 hypotheses are asked for"),
        (b'{"inputs": ["a"], "params": {"length_alpha": NaN}}', "length_alpha: input should be"),
        (b'{"inputs": ["a"], "params": {"max_length_offset": 99999999}}', "pieces; 10,000,000 are"),
        (json.dumps({"inputs": [""] * (MAX_TEXTS + 1)}).encode(), "1,001 texts; send 1,000"),
        (json.dumps({"inputs": ["a" * (MAX_CHARACTERS + 1)]}).encode(), "1,048,577 characters"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_the_reason(
    client: TestClient, body: bytes, said: str
) -> None:
    answer = client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    told = answer.json()
    assert told["error_code"] == "INVALID_PARAMETER_VALUE"
    assert said in told["message"]
    assert len(told["message"]) < 1000


def test_bodies_that_are_too_long_too_slow_or_no_json(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_BODY_BYTES", 20)
    assert post(client, ["a" * 20])[0] == 413
    answer = client.post("/invocations", data={"inputs": "a"})
    assert (answer.status_code, answer.json()["error_code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert client.post("/invocations", content=b"").status_code == 415

    async def slow() -> None:
        sent = await exchange(client.app, [{"type": "http.request", "more_body": True}])
        assert sent[0]["status"] == 408

    monkeypatch.setattr(serving, "BODY_TIMEOUT_S", 0.01)
    assert client.portal is not None
    client.portal.call(slow)


async def exchange(app: Any, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the application sends where it receives these messages, and nothing after them."""
    waiting, sent = iter(messages), []

    async def receive() -> dict[str, Any]:
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/invocations", "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def test_a_client_that_leaves_costs_no_more_than_its_batch() -> None:
    waiting = Waiting()
    with client_of(lambda: waiting) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, client, ["first"])
        assert waiting.begun.wait(60)
        assert client.portal is not None
        body = json.dumps({"inputs": ["left"]}).encode()
        for messages in (
            [{"type": "http.request", "body": body}, {"type": "http.disconnect"}],
            [
                {"type": "http.request", "body": body, "more_body": True},
                {"type": "http.disconnect"},
            ],
        ):
            sent = client.portal.call(exchange, client.app, messages)
            assert sent[0]["status"] == 499
        waiting.goes_on.set()
        assert first.result()[0] == 500
        assert waiting.translated == ["first"]


def test_a_full_queue_is_told_with_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "MAX_WAITING_TEXTS", 3)
    monkeypatch.setattr(serving, "MAX_REQUESTS", 2)
    waiting = Waiting()
    with client_of(lambda: waiting) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, client, ["first"])
        assert waiting.begun.wait(60)
        answer = client.post("/invocations", json={"inputs": ["a"] * 4})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert answer.json()["message"] == "too many texts are waiting: try again in a moment"
        second = pool.submit(post, client, ["second"])
        while "attn2seq_requests_in_progress 2.0" not in client.get("/metrics").text:
            pass
        answer = client.post("/invocations", json={"inputs": ["a"]})
        assert answer.status_code == 503
        assert "more than 2 requests at a time" in answer.json()["message"]
        waiting.goes_on.set()
        assert [first.result()[0], second.result()[0]] == [500, 500]


def test_a_defect_is_told_without_its_traceback() -> None:
    waiting = Waiting()
    waiting.goes_on.set()
    with client_of(lambda: waiting) as client:
        status, told = post(client, ["a"])
        assert status == 500
        assert told == {
            "error_code": "INTERNAL_ERROR",
            "message": "the request could not be answered; the server's log says why",
        }
        assert client.get("/ready").status_code == 200


def test_it_is_ready_when_the_model_is_loaded_and_until_it_ends(translator: Translator) -> None:
    loaded = threading.Event()

    def load() -> Translator:
        assert loaded.wait(60)
        return translator

    with client_of(load, ready=False) as client:
        try:
            assert client.get("/health").status_code == 200
            for answer in (client.get("/ready"), client.post("/invocations", json={})):
                assert answer.status_code == 503
                assert answer.headers["Retry-After"] == "5"
                assert "is being loaded" in answer.json()["message"]
        finally:
            loaded.set()
        while client.get("/ready").status_code != 200:
            pass
        cast(Any, client.app).state.ending = True
        assert client.get("/ready").json()["message"].startswith("the server is ending")
        assert client.get("/health").status_code == 200


def test_a_model_that_cannot_be_loaded_is_told_to_whoever_serves() -> None:
    failed: list[Exception] = []

    def load() -> Translator:
        raise UserError("no such model")

    with TestClient(make_app(load, failed.append)) as client:
        while not failed:
            assert client.get("/ready").status_code == 503
    assert [str(error) for error in failed] == ["no such model"]


def test_metrics_are_those_of_the_documentation(client: TestClient) -> None:
    assert post(client, ["a cat"])[0] == 200
    assert post(client, [1])[0] == 400
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    page = (Path(__file__).parents[2] / "docs/how_to/serve.md").read_text(encoding="utf-8")
    for name in (
        "attn2seq_requests_total", "attn2seq_request_seconds_bucket",
        "attn2seq_requests_in_progress", "attn2seq_waiting_texts", "attn2seq_batch_texts_sum",
        "attn2seq_batch_seconds_sum", "process_resident_memory_bytes",
    ):  # fmt: skip
        assert f"\n{name}" in answer.text
        assert name.removesuffix("_bucket").removesuffix("_sum") in page
    for status in (200, 400):
        assert f'attn2seq_requests_total{{status="{status}"}}' in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/invocations", 405), ("POST", "/ready", 405)],
)
def test_other_addresses_are_refused_in_json(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error_code"] in ("NOT_FOUND", "METHOD_NOT_ALLOWED")


TEXT = st.text(st.characters(), max_size=30)  # halves of surrogate pairs, too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.sampled_from(["nbest", "search", "top_p", "nbst"]) | TEXT, JSON)
LIKELY = st.fixed_dictionaries(
    {"inputs": st.lists(TEXT, max_size=5) | JSON}, optional={"params": PARAMS | JSON}
)
BODIES = st.binary(max_size=50) | (LIKELY | JSON).map(lambda value: json.dumps(value).encode())


@settings(max_examples=60, deadline=None)
@given(body=BODIES)
def test_any_body_has_an_answer_in_json(client: TestClient, body: bytes) -> None:
    answer = client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    told = answer.json()
    if answer.status_code == 200:
        assert len(told["predictions"]) == len(json.loads(body)["inputs"])
    else:
        assert (answer.status_code, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert told["message"]
