"""`attn2seq score`: what it prints is what the translator's own score says, line by line."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from table_model import decode_settings
from tiny_model import TEXTS

from attn2seq.cli.main import main
from attn2seq.decoding.translator import Translator

SETTINGS = decode_settings(beam_size=3, nbest=3, min_length=1, max_length_offset=8)
TARGETS = [*TEXTS[1:], "a cat"]
Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:  # fmt: skip
    model = tmp_path / "model"
    shutil.copytree(model_folder, model)
    (model / "decode.json").write_text(json.dumps(SETTINGS.model_dump()))
    for name, texts in (("texts.en", TEXTS), ("texts.de", TARGETS)):
        (tmp_path / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")

    def run(*arguments: str, given: bytes = b"") -> tuple[int, list[str], str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        status = main(["score", "--model", "model", *arguments])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def test_a_line_per_pair(run: Run, model_folder: Path) -> None:
    found = Translator(model_folder, SETTINGS).reference_scores(
        [" ".join(text.split()) for text in TEXTS], [" ".join(text.split()) for text in TARGETS]
    )
    status, summed, errors = run("texts.en", "texts.de")
    assert (status, errors) == (0, "")
    assert summed == [f"{-score.nats:.4f}" for score in found]
    assert all(float(line) < 0 for line in summed)
    assert run("--per-token", "texts.en", "texts.de")[1] == [
        f"{-score.nats / score.tokens:.4f}" for score in found
    ]
    pairs = "".join(f"{src}\t{tgt}\n" for src, tgt in zip(TEXTS, TARGETS, strict=True))
    assert run(given=pairs.encode())[1] == summed


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        (["texts.en"], "", "give a file of targets, too"),
        (["texts.en", "none.de"], "", "none.de cannot be read"),
        ([], "a\tb\na cat\n", "standard input, line 2: a source and a target, separated by one"),
        ([], "a\tb\tc\n", "there are 2 tabs"),
        (["texts.en", "short.de"], "", "short.de ends before line 2, which texts.en has"),
    ],
)
def test_pairs_that_are_none(
    arguments: list[str], given: str, expected: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "short.de").write_text("a cat\n")
    status, lines, errors = run(*arguments, given=given.encode())
    assert (status, lines) == (1, [])
    assert errors.startswith("attn2seq score: error: ")
    assert expected in errors


def test_paths_begin_where_the_user_stands(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = run("texts.en", "texts.de")[1]
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "models").mkdir()
    (tmp_path / "model").rename(tmp_path / "models/model")
    (tmp_path / "inside/mine").mkdir(parents=True)
    for name in ("texts.en", "texts.de"):
        (tmp_path / name).rename(tmp_path / "inside/mine" / name)
    for model in ([], ["--model", "../models/model"]):
        monkeypatch.chdir(tmp_path / "inside")
        assert main(["score", *model, "mine/texts.en", "mine/texts.de"]) == 0
        assert capsys.readouterr().out.splitlines() == expected
