"""README and tutorial from top to bottom: their commands as written, each in a fresh clone, with a
tiny model.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest
from tiny_repository import PROJECT, Repository, copy_project, interrupt, set_identity
from tracking_server import free_port

from attn2seq.phrasebook.phrasebook import generate_phrasebook

# What a README holds: commands to type, files to write, Python to run, and what is printed.
KINDS = ("sh", "python", "yaml", "text")
# Commands that serve until Ctrl-C, which get a free port, and what they answer there.
SERVERS = {"attn2seq ui": "", "attn2seq demo": "", "attn2seq serve": "health"}
SMALL = {
    "tokenize.vocabulary_size": 120, "model.embedding_size": 16,
    "model.encoder_hidden_size": 8, "model.decoder_hidden_size": 16, "model.attention_size": 16,
    "model.readout_size": 16, "train.device": "cpu", "train.threads": 1, "train.max_steps": 4,
    "train.evaluate_every_steps": 2, "decode.device": "cpu", "decode.threads": 1,
    "decode.beam_size": 3, "decode.max_length_factor": 0.5, "decode.max_length_offset": 3,
    "evaluate.bootstrap_samples": 100,
}  # fmt: skip


class Block(NamedTuple):
    """A fenced block: its kind, and its lines."""

    kind: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page, and what its commands need besides. A beginning that no command has is a fault."""

    name: str
    not_run: Mapping[str, str] = field(default_factory=dict)  # command -> why
    # What the reader puts in place of a name; `{...}` is made by the test.
    places: Mapping[str, str] = field(default_factory=dict)
    # Beginning of a command -> what the text around it asks for first.
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Beginning of a command -> what prints nothing after it.
    clean_after: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[Block]:
        text = (PROJECT / self.name).read_text(encoding="utf-8")
        for kind, block in re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
            yield Block(kind, block)


PAGES = [
    Page(
        "README.md",
        not_run={
            "make test": "it runs this test",
            "attn2seq chat --model DIALOGUES": "the embedded corpus has no dialogues",
        },
        places={
            "<this repository>": "{upstream}",
            "apply NAME": "apply {experiment}",
            "/mnt/shared/attn2seq": "{storage}",
        },
        before={
            "attn2seq translate --model HEAD~1": (
                "git commit --quiet -am 'An experiment applied'",
            ),
            "attn2seq translate --model models:/": ("attn2seq register --force",),
        },
    ),
    Page(
        "docs/tutorial.md",
        not_run={"attn2seq register": "a tiny model is no champion: it is made one by force"},
        places={"<this repository>": "{upstream}"},
        before={
            "attn2seq new mine.tsv": ("cp {sentences} mine.tsv",),
            "attn2seq serve": ("attn2seq register --force",),
        },
        clean_after={
            "git checkout HEAD": "git status --porcelain --untracked-files=no; dvc diff HEAD",
        },
    ),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_says_what_it_is(page: Page) -> None:
    assert {block.kind for block in page.blocks()} <= {*KINDS}
    assert "sh" in {block.kind for block in page.blocks()}


def make_environment(root: Path) -> None:
    """What the first `make` would install, linked from where the tests run."""
    (root / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != "ready":
            os.symlink(part, root / ".venv" / part.name)
    (root / ".venv/ready").write_text(f"{root}\n", encoding="utf-8")


def serve(clone: Repository, command: str) -> None:
    """Start it, wait until it answers, and end it as a user does."""
    port, answers = free_port(), False
    with clone.start("bash", "-c", f"exec {command} --port {port}") as process:
        until = time.monotonic() + 240
        while not answers and process.poll() is None and time.monotonic() < until:
            # Not only a connection: a port may be taken before there is a page.
            with (
                suppress(OSError),
                urlopen(f"http://127.0.0.1:{port}/{SERVERS[command]}", timeout=60) as page,
            ):
                answers = page.status == 200
            time.sleep(0.2)
        said = interrupt(process)
    assert answers, f"{command} answered nothing:\n{said}"
    assert process.returncode in (0, 130), said
    assert "http://127.0.0.1" in said


@pytest.mark.promise("readme")
@pytest.mark.long
@pytest.mark.timeout(5400)  # eight trainings, one after the other, on a machine that may be busy
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_works_as_written(tmp_path: Path, page: Page) -> None:
    upstream = Repository(tmp_path / "upstream/attn2seq")
    copy_project(upstream.root, with_results=True)
    upstream.set_params(SMALL)
    entry = upstream.root / "data/catalogue/phrasebook-en-de.yaml"
    small = re.sub(r"(train|dev|test): (24000|1000)", r"\1: 100", entry.read_text("utf-8"))
    assert small.count(": 100") == 3
    entry.write_text(small, encoding="utf-8")
    upstream.run("git", "init", "--quiet")
    set_identity(upstream)
    upstream.commit("The project with a tiny model")
    clone = Repository(tmp_path / "attn2seq")
    places = {name: str(tmp_path / name) for name in ("storage", "sentences")}
    places["upstream"] = str(upstream.root)
    pairs = generate_phrasebook(1, {"train": 300})["train"]
    Path(places["sentences"]).write_text(
        "".join(f"{src}\t{tgt}\n" for src, tgt in pairs), encoding="utf-8"
    )
    unused = {*page.not_run, *page.places, *page.before, *page.clean_after}

    def run(line: str) -> None:
        for written, put in page.places.items():
            if written in line:
                unused.discard(written)
                if "{experiment}" in put:
                    names = clone.dvc("exp", "list", "--name-only").split()
                    # One whose model has attention, which a later command draws.
                    places["experiment"] = next(name for name in names if "learning_rate" in name)
                line = line.replace(written, put.format(**places))
        command = line.partition("  #")[0].strip()
        if command in page.not_run:
            unused.discard(command)
            return
        for beginning, commands in page.before.items():
            if command.startswith(beginning):
                unused.discard(beginning)
                for before in commands:
                    clone.run("bash", "-c", before.format(**places))
        if command in SERVERS:
            serve(clone, command)
        elif not clone.root.exists():
            subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
            set_identity(clone)
            make_environment(clone.root)
            texts = "The old woman reads.\nWhere is the station?\n"
            (clone.root / "texts.txt").write_text(texts, encoding="utf-8")
        else:
            said = clone.run("bash", "-c", line)
            assert "Traceback" not in said, said
            print(f"$ {command}\n{said}", flush=True)
        for beginning, look in page.clean_after.items():
            if command.startswith(beginning):
                unused.discard(beginning)
                assert clone.run("bash", "-c", look) == ""

    for block in page.blocks():
        if block.kind == "sh":
            for line in block.text.splitlines():
                if edit := re.match(r"# edit params.yaml, for example (\S+): (\S+),", line):
                    clone.set_params({edit[1]: edit[2]})
                elif line.strip():
                    run(line)
        elif block.kind == "python":
            clone.run("python", "-c", block.text)
    assert not unused, "listed here, but not on the page"
