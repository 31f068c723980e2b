"""The logged model: loads apart from the repository, and translates as the translator does."""

import ast
import io
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import sentencepiece
from starlette.testclient import TestClient

import attn2seq
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translator
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.runs.carried_code import carried_files
from attn2seq.runs.logged_models import PACKAGES
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import Group, ModelFiles, RunRecord, Store
from attn2seq.runs.registry import Registry
from attn2seq.serving.app import make_app

DECODE = {
    "device": "cpu", "number_type": "float32", "beam_size": 3, "nbest": 2, "attention_maps": 0,
    "length_normalisation": "average", "length_alpha": 1.0, "min_length": 1, "batch_tokens": 100,
    "max_length_factor": 2.0, "max_length_offset": 5, "max_source_length": 50, "threads": 1,
    "search": "beam", "coverage_penalty": 0.0, "temperature": 1.0, "top_k": 0, "top_p": 1.0,
    "sampling_seed": 1, "mbr": "none", "mbr_candidates": 2, "ensemble": [],
    "no_repeat_ngram_size": 0, "repetition_penalty": 1.0, "processes": 1,
}  # fmt: skip
SETTINGS = DecodeSettings.model_validate(DECODE)
TEXTS = ["abc bca", "cab"]
# Started with -I and -S: neither the working directory, nor PYTHONPATH, nor the editable install of
# this repository is looked at, only the packages that are installed for good.
ALONE = """
import sys
sys.path.append(sys.argv[1])
import importlib.util, json
assert importlib.util.find_spec("attn2seq") is None
import mlflow
mlflow.set_tracking_uri(sys.argv[2])
model = mlflow.pyfunc.load_model(sys.argv[3])
told = [json.loads(one.model_dump_json()) for one in model.predict(json.loads(sys.argv[4]))]
import attn2seq
print(json.dumps([told, attn2seq.__file__]), flush=True)

# MLflow's own server, as `mlflow models serve` runs it.
import socket, uvicorn
from mlflow.pyfunc import scoring_server
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(scoring_server.init(model), log_level="error")).run([listening])
"""
# Blank; two lines with an unknown character; too long.
ODD = [" ", "abc\nz", "a" * 9999]
LONG = "abc " * 2_500_000  # 10 MB


@pytest.fixture
def letters(
    tmp_path: Path, small_model: Callable[..., Seq2Seq], complete_model: Callable[..., Path]
) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    written = io.BytesIO()
    # Fifteen letters, the space and four special ids: the small model's 20.
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["abcde fghij klmno"]), model_writer=written, vocab_size=20,
        pad_id=0, unk_id=1, bos_id=2, eos_id=3, minloglevel=2, model_type="char",
    )  # fmt: skip
    for name in ("src.model", "tgt.model"):
        (folder / name).write_bytes(written.getvalue())
    model = small_model()
    save_model(folder, model, weights_of(model))
    return complete_model(tmp_path / "complete", SETTINGS, "nfc", folder)


@contextmanager
def loaded_alone(uri: str, model: str, place: Path) -> Iterator[list[str]]:
    """The lines that the program ALONE prints; its server answers meanwhile."""
    packages = sysconfig.get_path("purelib")
    arguments = [packages, uri, model, json.dumps(TEXTS)]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", ALONE, *arguments],
        stdout=subprocess.PIPE, text=True, cwd=place, env={**os.environ, "PYTHONPATH": ""},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield [process.stdout.readline(), process.stdout.readline()]
        finally:
            process.kill()


def post(port: str, body: bytes) -> tuple[int, dict[str, Any]]:
    address = f"http://127.0.0.1:{int(port)}/invocations"
    request = Request(address, body, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_the_champion_translates_and_serves_where_the_repository_is_not(
    letters: Path, tmp_path: Path
) -> None:
    database = tmp_path / "mlflow.db"
    store = Store(f"sqlite:///{database}", tmp_path / "lock", database, tmp_path / "artifacts")
    model = ModelFiles(letters)
    record = RunRecord(
        "i", "f", None, Group("toy", ""), None, "lstm", {}, {}, model=model, finished=True
    )
    runs = Runs(store, 5)
    assert runs.complete(record).added == ("model",)
    registry = Registry(runs, tmp_path)
    (candidate,) = registry.candidates("toy")
    assert registry.crown("toy", candidate, "a card").version == "1"
    translator = Translator(letters, SETTINGS)
    expected = [
        [(found.text, round(found.score, 6), found.tokens) for found in item.hypotheses]
        for item in translator.translate(TEXTS)
    ]
    (folder,) = (path.parent for path in (tmp_path / "artifacts").rglob("MLmodel"))
    with loaded_alone(store.uri, "models:/toy@champion", tmp_path) as (told, port):
        answers, package = json.loads(told)
        assert Path(package).is_relative_to(folder)
        status, served = post(port, json.dumps({"inputs": TEXTS}).encode())
        assert (status, served) == (200, {"predictions": answers})
        found = [
            [(one["text"], one["score"], one["tokens"]) for one in answer["nbest"]]
            for answer in answers
        ]
        assert found == expected
        assert [answer["translation"] for answer in answers] == [best[0][0] for best in expected]
        odd = json.dumps({"inputs": ODD, "params": {"nbest": 1}}).encode()
        status, served = post(port, odd)
        assert status == 200
        direct = Translator(letters, SETTINGS, lambda text: None).translate(ODD, nbest=1)
        assert [answer["translation"] for answer in served["predictions"]] == [
            translation.text for translation in direct
        ]
        assert [answer["notes"] for answer in served["predictions"]] == [
            list(translation.notes) for translation in direct
        ]
        assert [len(translation.notes) for translation in direct] == [0, 2, 1]
        assert {len(answer["nbest"]) for answer in served["predictions"]} == {1}
        for body, reason in BAD_INPUT.items():
            status, served = post(port, body)
            assert 400 <= status < 500, body[:100]
            said = served.get("message", served.get("detail"))
            assert said, body
            assert reason in said, said[:1000]
            assert len(said) < 1000
        assert_the_fast_server_answers_the_same(letters, port, odd)
    assert (folder / "model_card.md").read_text() == "a card"


def assert_the_fast_server_answers_the_same(model: Path, port: str, odd: bytes) -> None:
    translator = Translator(model, SETTINGS, lambda text: None)
    json_header = {"Content-Type": "application/json"}
    with TestClient(make_app(lambda: translator, pytest.fail)) as client:
        while client.get("/ready").status_code != 200:
            pass
        for body in (json.dumps({"inputs": TEXTS}).encode(), odd, *BAD_INPUT):
            answer = client.post("/invocations", content=body, headers=json_header)
            if answer.status_code == 413:  # bounded there alone
                continue
            status, served = post(port, body)
            assert answer.status_code == status, body[:100]
            if status == 200:
                assert answer.json() == served
            elif BAD_INPUT[body] not in ("", "list", "str"):  # which MLflow itself refuses
                assert answer.json().items() <= served.items()


BAD_INPUT = {
    b"": "",
    b"{": "",
    b"[]": "",
    b'{"inputs": "a text"}': "list",
    b'{"inputs": [1, 2]}': "str",
    b'{"inputs": [["a"], ["b"]]}': "str",
    b'{"inputs": {"a": "b"}}': "list",
    b'{"inputs": []}': "the list of texts is empty",
    b'{"inputs": ["\\ud800"]}': "text 1 is no text: it holds half of a surrogate pair",
    b'{"inputs": ["abc"], "params": {"nbst": 2}}': "unknown key nbst (did you mean nbest?)",
    b'{"inputs": ["abc"], "params": {"threads": 2}}': "unknown key threads (known: beam_size, nb",
    b'{"inputs": ["abc"], "params": {"nbest": "2"}}': "decode.nbest: input should be a valid int",
    b'{"inputs": ["abc"], "params": {"beam_size": 2, "nbest": 5}}': "the search has 2 (beam_size)",
    b'{"inputs": ["abc"], "params": [2]}': "params must be an object",
    b'{"inputs": ["abc"], "parms": {"nbest": 2}}': "unknown key parms (did you mean params?)",
    b'{"inputs": ["abc"], "nbest": 2}': "unknown key nbest (known: inputs, params)",
    json.dumps({"inputs": ["abc"] * 1001}).encode(): "1,001 texts; send 1,000 at most",
    json.dumps({"inputs": [LONG]}).encode(): "10,000,000 characters; send 1,048,576 at most",
}


def test_the_model_carries_what_it_needs_and_no_more() -> None:
    package = Path(attn2seq.__file__).parent
    carried = carried_files(package)
    rooms = {path.relative_to(package).parts[0] for path in carried}
    assert {"decoding", "model", "tokenization", "model_folder.py", "runs"} <= rooms
    assert not {"training", "evaluation", "report", "workspace", "api.py"} & rooms
    imported = {
        name.split(".")[0]
        for path in carried
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else
                     [alias.name for alias in node.names])
    }  # fmt: skip
    foreign = imported - set(sys.stdlib_module_names) - {"attn2seq", "mlflow"}
    assert foreign - {"pydantic_core"} == {package.split(".")[0] for package in PACKAGES}
