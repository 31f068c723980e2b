"""`attn2seq chat`: which turns the model reads, and what it answers, run by run."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from table_model import decode_settings

from attn2seq.cli.chat import Partner
from attn2seq.cli.main import main
from attn2seq.model_folder import read_model_folder
from attn2seq.packaging import Dialogue

# A separator that the tiny vocabulary can write.
FORM = {"context_turns": 3, "separator": "near"}
# A folder of a beam with what sampling cannot use.
SETTINGS = decode_settings(beam_size=3, coverage_penalty=0.2, max_length_offset=8)
Chat = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def folder(complete_model: Callable[..., Path], tmp_path: Path) -> Path:
    folder = complete_model(tmp_path / "model", SETTINGS)
    config = json.loads((folder / "config.json").read_text())
    config["texts"] |= {"task": "dialogue", "dialogue": FORM}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def chat(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Chat:
    monkeypatch.chdir(tmp_path)

    def run(given: str, *arguments: str) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        status = main(["chat", "--model", str(folder), *arguments])
        out, err = capsys.readouterr()
        return status, out.split("\n")[:-1], err

    return run


def partner(folder: Path, **settings: int) -> tuple[Partner, list[str]]:
    """One, and the sources that its model is given."""
    read = read_model_folder(folder)
    assert read.texts is not None
    assert read.texts.dialogue == Dialogue(**FORM)
    translator = read.translator(
        lambda text: None, search="sampling", coverage_penalty=0.0, **settings
    )
    sources: list[str] = []
    translate = translator.translate

    def noted(texts: list[str], **options: Any) -> object:
        sources.extend(texts)
        return translate(texts, **options)

    translator.translate = noted  # type: ignore[assignment,method-assign]
    return Partner(translator, read.texts.dialogue), sources


def test_the_model_reads_the_last_turns(folder: Path) -> None:
    talk, sources = partner(folder)
    for turns in (["a dog"], ["a dog", "yes", "two men"], list("abcde")):
        talk.reply(turns)
    assert sources == ["a dog", "a dog near yes near two men", "c near d near e"]


def test_the_earliest_turns_are_left_out_where_all_are_too_long(folder: Path) -> None:
    talk, sources = partner(folder, max_source_length=25)
    long = "a dog runs on the grass " * 5
    talk.reply([long, "ok", "a cat"])
    talk.reply(["ok", "a cat", long])
    assert sources == ["ok near a cat", long]


def test_another_draw_is_another_reply(folder: Path) -> None:
    talk, _ = partner(folder)
    replies = [talk.reply(["a dog"], sampling_seed=seed).text for seed in (1, 2, 3, 1)]
    assert replies[0] == replies[3]
    assert len(set(replies)) > 1


def test_replies_follow_from_lines_and_seed(chat: Chat) -> None:
    lines = "a dog runs\ntwo men\na cat\n"
    status, replies, said = chat(lines)
    assert (status, len(replies), said) == (0, 3, "")
    assert chat(lines)[1] == replies
    assert chat(lines, "--seed", "2")[1] != replies


def test_an_empty_line_begins_anew(chat: Chat) -> None:
    _, [first, nothing, again], _ = chat("a dog runs\n\na dog runs\n")
    assert nothing == ""
    assert first == again
    _, [_, continued], _ = chat("a dog runs\na dog runs\n")
    assert continued != first


def test_other_models_are_refused(chat: Chat, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["texts"]["dialogue"]
    (folder / "config.json").write_text(json.dumps(config))
    status, replies, said = chat("a dog\n")
    assert (status, replies) == (1, [])
    assert said.startswith(f"attn2seq chat: error: {folder} was not trained on dialogues")
    assert "attn2seq recipe dailydialog" in said


def test_options_that_cannot_be_are_refused(chat: Chat) -> None:
    status, _, said = chat("a dog\n", "--repetition-penalty", "0.5")
    assert status == 1
    assert "decode.repetition_penalty" in said
    assert "Traceback" not in said


def test_folders_of_before_know_nothing_of_repetitions(folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    config = json.loads((old / "config.json").read_text())
    for name in ("no_repeat_ngram_size", "repetition_penalty"):
        del config["decode"][name]
    (old / "config.json").write_text(json.dumps(config))
    whole, before = (read_model_folder(each).translator(print) for each in (folder, old))
    assert whole.settings == before.settings
