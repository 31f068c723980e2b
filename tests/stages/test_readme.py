"""The README from top to bottom: its commands as written, in one fresh clone, with a tiny model."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest
from tiny_repository import PROJECT, Repository, copy_project, interrupt, set_identity
from tracking_server import free_port

# What a README holds: commands to type, files to write, Python to run, and what is printed.
KINDS = ("sh", "python", "yaml", "text")
NOT_RUN = {
    "make test": "it runs this test",
    "attn2seq chat --model DIALOGUES": "the embedded corpus has no dialogues",
}
# Commands that serve a page until Ctrl-C; they get a free port.
SERVERS = ("attn2seq ui", "attn2seq demo")
# What the reader puts in place of a name; `{...}` is made by the test.
PLACES = {
    "<this repository>": "{upstream}",
    "apply NAME": "apply {experiment}",
    "/mnt/shared/attn2seq": "{storage}",
}
# What the text around the commands asks for first.
BEFORE = {
    "attn2seq translate --model HEAD~1": ["git commit --quiet -am 'An experiment applied'"],
    "attn2seq translate --model models:/": ["attn2seq register --force"],
}
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


def blocks() -> Iterator[Block]:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    for kind, block in re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield Block(kind, block)


def test_each_block_says_what_it_is() -> None:
    assert {block.kind for block in blocks()} == {*KINDS}


def make_environment(root: Path) -> None:
    """What the first `make` would install, linked from where the tests run."""
    (root / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != "ready":
            os.symlink(part, root / ".venv" / part.name)
    (root / ".venv/ready").write_text(f"{root}\n", encoding="utf-8")


def serve(clone: Repository, command: str) -> None:
    """Start it, wait until its page can be opened, and end it as a user does."""
    port, answers = free_port(), False
    with clone.start("bash", "-c", f"exec {command} --port {port}") as process:
        until = time.monotonic() + 240
        while not answers and process.poll() is None and time.monotonic() < until:
            # Not only a connection: a port may be taken before there is a page.
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}", timeout=60) as page:
                answers = page.status == 200
            time.sleep(0.2)
        said = interrupt(process)
    assert answers, f"{command} served no page:\n{said}"
    assert process.returncode in (0, 130), said
    assert "http://127.0.0.1" in said


@pytest.mark.promise("readme")
@pytest.mark.long
@pytest.mark.timeout(5400)  # eight trainings, one after the other, on a machine that may be busy
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_every_command_works_as_written(tmp_path: Path) -> None:
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
    places = {"upstream": str(upstream.root), "storage": str(tmp_path / "storage")}
    unused = {*NOT_RUN, *SERVERS, *PLACES, *BEFORE}

    def run(line: str) -> None:
        for written, put in PLACES.items():
            if written in line:
                unused.discard(written)
                if "{experiment}" in put:
                    names = clone.dvc("exp", "list", "--name-only").split()
                    # One whose model has attention, which a later command draws.
                    places["experiment"] = next(name for name in names if "learning_rate" in name)
                line = line.replace(written, put.format(**places))
        command = line.partition("  #")[0].strip()
        if command in NOT_RUN:
            unused.discard(command)
            return
        for beginning, commands in BEFORE.items():
            if command.startswith(beginning):
                unused.discard(beginning)
                for before in commands:
                    clone.run("bash", "-c", before)
        if command in SERVERS:
            unused.discard(command)
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

    for block in blocks():
        if block.kind == "sh":
            for line in block.text.splitlines():
                if edit := re.match(r"# edit params.yaml, for example (\S+): (\S+),", line):
                    clone.set_params({edit[1]: edit[2]})
                elif line.strip():
                    run(line)
        elif block.kind == "python":
            clone.run("python", "-c", block.text)
    assert not unused, "listed here, but not in the README"
