"""What the demo's server answers, and to whom."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_server import TEXTS, live_model, live_partner
from flask.testing import FlaskClient
from table_model import decode_settings

from attn2seq.cli.demo_app import LOCAL_NAMES, make_app
from attn2seq.decoding.reading_notes import MAX_CHARACTERS
from attn2seq.decoding.translator import Translator
from attn2seq.packaging import Texts

ROOT = Path(__file__).parents[2]
TEXT = "a dog runs on the grass"


@pytest.fixture(scope="module")
def translator(model_folder: Path) -> Translator:
    return live_model(model_folder).translator


@pytest.fixture(scope="module")
def client(model_folder: Path) -> FlaskClient:
    app = make_app(live_model(model_folder), "a model", ["one", "two"])
    app.testing = True
    return app.test_client()


def asked(client: FlaskClient, text: object, prefix: object = "") -> tuple[int, Any]:
    response = client.post(
        "/answer", json={"text": text, "prefix": prefix}, base_url="http://127.0.0.1"
    )
    return response.status_code, response.json


def sources(answer: Any) -> list[list[str]]:
    return [[sentence["source"] for sentence in line] for line in answer["lines"]]


def test_an_answer_is_what_the_translator_says(client: FlaskClient, translator: Translator) -> None:
    [expected] = translator.translate([TEXT], attention_maps=1)
    status, answer = asked(client, f" {TEXT}\n")
    assert status == 200
    [[sentence]] = answer["lines"]
    assert (sentence["source"], sentence["notes"]) == (TEXT, [])
    assert len(expected.hypotheses) == 3
    for hypothesis, wanted in zip(sentence["hypotheses"], expected.hypotheses, strict=True):
        assert hypothesis["text"] == wanted.text
        assert hypothesis["score"] == round(wanted.score, 2)
        attention = hypothesis["attention"]
        assert attention["src"] == list(expected.src_pieces)
        assert attention["tgt"] == list(wanted.pieces)
        levels = np.frombuffer(base64.b64decode(attention["weights"]), np.uint8)
        assert wanted.attn_weights_TS is not None
        np.testing.assert_allclose(levels / 255, wanted.attn_weights_TS.ravel(), atol=0.5 / 255)


def test_lines_and_sentences_are_translated_one_by_one(
    client: FlaskClient, translator: Translator
) -> None:
    _, answer = asked(client, "A dog runs. She reads at 3.30 p.m. today!\n\n a cat\r\ntwo men")
    first, second, third, fourth = sources(answer)
    assert first == ["A dog runs.", "She reads at 3.30 p.m. today!"]
    assert (second, third, fourth) == ([], ["a cat"], ["two men"])
    expected = translator.translate([first[1], "two men"], beam_size=4)
    found = [answer["lines"][0][1], answer["lines"][3][0]]
    assert [each["hypotheses"][0]["text"] for each in found] == [each.text for each in expected]


def test_only_translations_are_cut_into_sentences(model_folder: Path) -> None:
    text = "A dog runs. She reads."
    summaries = TEXTS.model_copy(update={"task": "summarisation"})
    for texts in (summaries, None):
        [[sentence]] = live_model(model_folder, texts).answer(text, "")
        assert sentence["source"] == text


def test_an_unchanged_sentence_is_not_translated_again(model_folder: Path) -> None:
    live = live_model(model_folder)
    calls: list[list[str]] = []
    translate = live.translator.translate

    def noted(texts: list[str], **options: Any) -> object:
        calls.append(texts)
        return translate(texts, **options)

    live.translator.translate = noted  # type: ignore[assignment,method-assign]
    first = live.answer("a dog\na cat", "")
    assert live.answer("a dog\na cat\ntwo men", "")[:2] == first
    live.answer("a dog\na cat", "the")
    assert calls == [["a dog"], ["a cat"], ["two men"], ["a dog"]]


def test_prefixes_blank_texts_and_cut_sentences(client: FlaskClient) -> None:
    _, answer = asked(client, f"{TEXT}\n{TEXT}", "the old")
    [[one], [two]] = answer["lines"]
    assert all(each["text"].startswith("the old") for each in one["hypotheses"])
    assert not two["hypotheses"][0]["text"].startswith("the old")
    assert asked(client, " \n ") == (200, {"lines": [[]]})
    _, answer = asked(client, "the children play " * 20)
    assert "cut to the first 30" in str(answer["lines"][0][0]["notes"])
    _, answer = asked(client, "a \u732b")
    assert answer["lines"][0][0]["notes"] == [
        "not in the model's vocabulary, so read as unknown: \u732b",
    ]


def test_mistakes_are_told_in_words(client: FlaskClient) -> None:
    assert asked(client, "a" * 1001)[0] == 200
    for text, prefix, expected in (
        ("a" * (MAX_CHARACTERS + 1), "", "the text has 4,194,305 characters, and a text has"),
        ("a" * 13 * MAX_CHARACTERS, "", "a text has 4,194,304 characters at most."),
        ("a\n" * 51, "", "the text has 51 sentences, and a page shows 50 at most"),
        ("a", "日本", "cannot be written: the target vocabulary lacks 日, 本"),
        ("\ud800", "", "the text is no text: it holds half of a surrogate pair"),
        (5, "", "The request is not one of this page"),
        ("a", None, "The request is not one of this page"),
    ):
        status, answer = asked(client, text, prefix)
        assert status in (400, 413)
        assert set(answer) == {"error"}
        assert expected in str(answer["error"])
    for body in (b"", b"[]", b"{", b'{"text": "a"}'):
        response = client.post("/answer", data=body, content_type="application/json")
        assert response.status_code == 400


def test_a_conversation_s_next_turn(model_folder: Path) -> None:
    live = live_partner(model_folder)
    client = make_app(live, "a model", []).test_client()
    assert "The model reads the last 3 turns" in client.get("/").get_data(as_text=True)
    turns = ["a dog", "two men", "she reads"]

    def reply(draw: int) -> Any:
        response = client.post("/answer", json={"turns": turns, "draw": draw})
        assert response.status_code == 200
        return response.json

    first = reply(1)
    [hypothesis] = first["hypotheses"]
    expected = live.partner.reply(turns, sampling_seed=1)
    assert hypothesis["text"] == expected.text
    assert hypothesis["attention"]["src"] == list(expected.src_pieces)
    assert reply(1) == first
    assert any(reply(draw) != first for draw in (2, 3, 4))


@pytest.mark.parametrize(
    "values",
    [
        {"turns": [], "draw": 1}, {"turns": ["a", " "], "draw": 1}, {"turns": "a", "draw": 1},
        {"turns": ["a", 5], "draw": 1}, {"turns": ["a"], "draw": "1"}, {"turns": ["a"]},
        {"turns": ["a"], "draw": True}, [], {"text": "a", "prefix": ""},
    ],
)  # fmt: skip
def test_what_is_no_conversation_is_refused(model_folder: Path, values: object) -> None:
    client = make_app(live_partner(model_folder), "a model", []).test_client()
    response = client.post("/answer", json=values)
    assert response.status_code == 400
    assert response.json is not None
    assert "The request is not one of this page" in response.json["error"]


def test_the_page_says_what_the_model_is(model_folder: Path) -> None:
    def page(texts: Texts | None) -> str:
        client = make_app(live_model(model_folder, texts), "a <model>", []).test_client()
        return client.get("/").get_data(as_text=True)

    translates = page(TEXTS)
    assert "a &lt;model&gt; · toy-en-de · translation" in translates
    assert '<span id="languages" data-src="en" data-tgt="de">' in translates
    assert "recurrent encoder-decoder (lstm, additive attention)" in translates
    assert "Translate</button>" in translates
    summarises = page(TEXTS.model_copy(update={"task": "summarisation", "tgt_lang": "en"}))
    assert "Answer</button>" in summarises
    assert "toy-en-de" not in page(None)


def test_other_sites_and_names_are_refused(client: FlaskClient) -> None:
    page = {"json": {"text": TEXT, "prefix": ""}}
    for name in ("evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::1]"):
        for path in ("/", "/page.css", "/nothing"):
            assert client.get(path, base_url=f"http://{name}").status_code == 400
        assert client.post("/answer", base_url=f"http://{name}", **page).status_code == 400
    for name in LOCAL_NAMES:
        assert client.get("/", base_url=f"http://{name}:1234").status_code == 200
    for site, expected in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        headers = {"Sec-Fetch-Site": site}
        assert client.post("/answer", headers=headers, **page).status_code == expected
    # What a foreign page may send without being allowed to: forms, and plain text.
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = client.post("/answer", data=json.dumps(page["json"]), content_type=kind)
        assert response.status_code == 415


@pytest.mark.parametrize("path", ["/", "/demo.js", "/attention.js", "/nothing", "/answer"])
def test_every_answer_has_safe_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_only_the_page_s_own_files_are_served(client: FlaskClient) -> None:
    html = client.get("/").get_data(as_text=True)
    names = re.findall(r'\s(?:src|href)="([^"]+)"', html)
    assert sorted(names) == [
        "attention.js", "data:,", "demo.css", "demo.js", "page.css", "translate.js",
    ]  # fmt: skip
    for name in set(names) - {"data:,"}:
        response = client.get(f"/{name}")
        assert response.status_code == 200
        assert response.content_type.startswith("text/css" if name.endswith("css") else "text/java")
    for path in ("/index.html", "/..%2fdemo.py", "/%2e%2e/demo.py", "/charts.html", "/static/a"):
        assert client.get(path).status_code == 404


def test_the_command_serves_this_machine_until_ctrl_c(
    complete_model: Callable[..., Path], tmp_path: Path
) -> None:
    settings = decode_settings(beam_size=2, max_length_offset=8)
    folder = str(complete_model(tmp_path / "model", settings))
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "attn2seq.cli.main", "demo", "--model", folder]
    with subprocess.Popen(
        [*command, "--port", "0"], cwd=tmp_path, text=True,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            found = re.fullmatch(r"demo: (http://127\.0\.0\.1:(\d+))  \(Ctrl-C stops it\)\n", told)
            assert found, told
            with urllib.request.urlopen(found[1], timeout=60) as answer:
                assert b"Type a text to translate" in answer.read()
                assert "Python" not in answer.headers["Server"]
            # 127.0.0.2 is this machine too, and is not listened on.
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", int(found[2])), timeout=60)
            second = subprocess.run(
                [*command, "--port", found[2]], cwd=tmp_path, text=True, capture_output=True,
                env=os.environ | {"PYTHONPATH": paths}, check=False,
            )  # fmt: skip
            assert second.returncode == 1
            assert second.stderr.startswith(
                f"attn2seq demo: error: port {found[2]} cannot be used (Address"
            )
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
