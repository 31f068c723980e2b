"""The command lines: what a user may type by mistake, and files that are no text."""

import io
import json
import os
import random
import string
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generators import MUTATIONS, ODD_TEXTS, mutate, odd_text, one_long_line
from outcomes import READ_WELL, Tally
from sentencepiece import SentencePieceTrainer

from attn2seq.cli.main import main
from attn2seq.config import read_yaml
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq

pytestmark = pytest.mark.promise("fuzz")

PROJECT = Path(__file__).parents[2]
CASES, EACH = 150, 60
Command = Callable[[list[str]], int]


def translate(arguments: list[str]) -> int:
    return main(["translate", *arguments])


@pytest.fixture
def here(
    tmp_path: Path, small_model: Callable[..., Seq2Seq], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The working directory: a model with its settings, and no params.yaml."""
    folder = tmp_path / "models/model"
    folder.mkdir(parents=True)
    model = small_model()
    save_model(folder, model, weights_of(model))
    made = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([string.ascii_lowercase]), model_writer=made, vocab_size=20,
        model_type="char", hard_vocab_limit=False, minloglevel=2, pad_id=0, unk_id=1, bos_id=2,
        eos_id=3,
    )  # fmt: skip
    for side in ("src.model", "tgt.model"):
        (folder / side).write_bytes(made.getvalue())
    settings = read_yaml(PROJECT / "params.yaml")["decode"]
    changes = {"device": "cpu", "beam_size": 2, "nbest": 1, "max_length_offset": 2}
    (folder / "decode.json").write_text(json.dumps(settings | changes))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Terminal:
    """Runs a command as a shell does, within this process."""

    def __init__(
        self, tally: Tally, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.tally, self.capsys, self.monkeypatch = tally, capsys, monkeypatch

    def run(
        self, command: Command, arguments: list[str], given: str, standard_input: bytes = b""
    ) -> tuple[list[str], list[str]]:
        """The lines printed, and the kinds of error told; counts the case under `given`."""
        stream = io.TextIOWrapper(io.BytesIO(standard_input), encoding="utf-8")
        self.monkeypatch.setattr(sys, "stdin", stream)
        self.capsys.readouterr()
        status = command(arguments)
        printed, said = self.capsys.readouterr()
        message = ""
        if status == 2:
            message = "usage: " + said.partition("Error: ")[2].replace("\n", " ")
            assert message != "usage: "
        elif status:
            assert status == 1
            message = said.rpartition(": error: ")[2].removesuffix("\n")
            assert message
        got = self.tally.count("commands", given, message)
        return printed.split("\n")[:-1], got.kinds


@pytest.fixture
def terminal(
    tally: Tally, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    return Terminal(tally, capsys, monkeypatch)


def test_lines_that_come_in_all_go_out(here: Path, terminal: Terminal) -> None:
    """As many lines as stand in the input, or the number of the first that is none."""
    for seed in terminal.tally.seeds(CASES):
        draw = random.Random(seed)
        content = "".join(f"{odd_text(draw)}\n" for _ in range(draw.randint(0, 4))).encode()
        given = draw.choice(["sound lines", *MUTATIONS])
        if given in MUTATIONS:
            content = MUTATIONS[given](draw, content)
        if seed % 2:
            (here / "lines.txt").write_bytes(content)
            arguments = ["--file", str(here / "lines.txt")]
        else:
            arguments = []
        printed, kinds = terminal.run(translate, arguments, given, content)
        lines = content.split(b"\n")
        if kinds == [READ_WELL]:
            assert len(printed) == len(lines) - (not lines[-1])
            content.decode()
        else:
            assert kinds == ["lines: not UTF-8"]
            with pytest.raises(UnicodeDecodeError):
                content.decode()


def test_a_line_of_a_megabyte(here: Path, terminal: Terminal) -> None:
    for seed in terminal.tally.seeds(3):
        content = one_long_line(random.Random(seed), b"a\nb\n")
        printed, kinds = terminal.run(translate, [], "1 MB lines", content)
        assert (len(printed), kinds) == (2, [READ_WELL])
    _, kinds = terminal.run(translate, [], "endless lines", b"x" * (5 << 20))
    assert kinds == ["lines: line too long"]


WRONG_OPTIONS = [
    ["--nbest"], ["--nbest", "x"], ["--nbest", "1.5"], ["--beam-size", ""], ["--beam_size", "2"],
    ["--frobnicate"], ["--model"], ["--file"], ["--scores=1"], ["-x"], ["--nbest", "\u202e"],
]  # fmt: skip


def test_options_that_are_none(here: Path, terminal: Terminal) -> None:
    for seed in terminal.tally.seeds(EACH):
        draw = random.Random(seed)
        arguments = [*draw.choice(WRONG_OPTIONS)]
        if draw.random() < 0.5 and arguments[-1] not in ("--nbest", "--model", "--file"):
            arguments.append(odd_text(draw).lstrip("-"))
        _, kinds = terminal.run(translate, arguments, "wrong options")
        assert kinds == ["command: usage"]


def test_values_out_of_range(here: Path, terminal: Terminal) -> None:
    for seed in terminal.tally.seeds(EACH):
        draw = random.Random(seed)
        option = draw.choice(["--nbest", "--beam-size"])
        value = draw.choice(["0", "-1", str(-(10**20))])
        _, kinds = terminal.run(translate, [f"{option}={value}", "a"], "wrong values")
        assert "settings: wrong value" in kinds


def test_texts_as_arguments(here: Path, terminal: Terminal) -> None:
    for seed in terminal.tally.seeds(CASES):
        draw = random.Random(seed)
        texts = [text for text in draw.choices(ODD_TEXTS, k=3) if "\0" not in text]
        halves = seed % 2 == 0
        if halves:
            # As Python hands on what is not UTF-8.
            texts.append("a" + os.fsdecode(b"\xff\xe9"))
        given = "arguments not UTF-8" if halves else "arguments"
        printed, kinds = terminal.run(translate, ["--", *texts], given)
        if halves:
            assert kinds == ["command: text not UTF-8"]
            assert printed == []
        elif texts:
            assert kinds == [READ_WELL]
            assert len(printed) == len(texts)


def test_files_and_folders_that_are_not_there(here: Path, terminal: Terminal) -> None:
    (here / "empty").mkdir()
    for seed in terminal.tally.seeds(EACH):
        draw = random.Random(seed)
        name = draw.choice(["none.txt", "empty", "none/none.txt", "a" * 300])
        arguments = ["--file", str(here / name)]
        _, kinds = terminal.run(translate, arguments, "no such file")
        assert kinds == ["command: file unreadable"]
        _, kinds = terminal.run(translate, [*arguments, "text"], "two sources")
        assert kinds == ["command: two sources"]
        _, kinds = terminal.run(translate, ["--model", str(here / "empty"), "a"], "no model")
        assert kinds == ["model: none there"]


def test_damaged_settings_beside_the_model(here: Path, terminal: Terminal) -> None:
    path = here / "models/model/decode.json"
    sound = path.read_bytes()
    for seed in terminal.tally.seeds(CASES):
        given, content = mutate(random.Random(seed), sound)
        path.write_bytes(content)
        # The kinds are looked up in the table of all: any other fails there.
        printed, kinds = terminal.run(translate, ["--model", str(path.parent), "a"], given)
        assert len(printed) == (kinds == [READ_WELL])


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory with params.yaml, the catalogue and the recipes."""
    for part in ("recipes", "data"):
        (tmp_path / part).symlink_to(PROJECT / part)
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recipe(arguments: list[str]) -> int:
    return main(["recipe", *arguments])


def test_recipes_that_are_none(recipes: Path, terminal: Terminal) -> None:
    before = (recipes / "params.yaml").read_bytes()
    for seed in terminal.tally.seeds(EACH):
        draw = random.Random(seed)
        _, kinds = terminal.run(recipe, [], "recipes")
        assert kinds == ["recipe: none named"]
        _, kinds = terminal.run(recipe, ["a", "b"], "recipes")
        assert kinds == ["command: usage"]
        name = draw.choice(["../params", "phrasebook", "/etc/passwd", "", odd_text(draw)])
        _, kinds = terminal.run(recipe, [name], "recipes")
        assert kinds == ["recipe: no such recipe"]
    assert (recipes / "params.yaml").read_bytes() == before


def test_damaged_recipes(recipes: Path, terminal: Terminal) -> None:
    """Nothing is written where a recipe cannot be used."""
    params = recipes / "params.yaml"
    before = params.read_bytes()
    (recipes / "recipes").unlink()
    (recipes / "recipes").mkdir()
    default = (PROJECT / "recipes/phrasebook-en-de.yaml").read_bytes()
    (recipes / "recipes/phrasebook-en-de.yaml").write_bytes(default)
    sound = b"train:\n  seed: 2\ndecode:\n  beam_size: 4\n"
    faulty: list[Any] = [
        b"train: 1\n", b"train:\n  seed: {a: 1}\n", b"decode: [1]\n", b"decode:\n  device: {}\n",
    ]  # fmt: skip
    for seed in terminal.tally.seeds(100):
        draw = random.Random(seed)
        given, content = mutate(draw, sound)
        if seed % 3:
            given, content = "sections and values mixed up", draw.choice(faulty)
        (recipes / "recipes/mine.yaml").write_bytes(content)
        _, kinds = terminal.run(recipe, ["mine"], given)
        if given == "sections and values mixed up":
            assert kinds == ["settings: heading", "recipe: no single value"]
        if kinds != [READ_WELL]:
            assert params.read_bytes() == before
        params.write_bytes(before)
