"""The command on a real model folder; in processes of its own where pipes and signals matter."""

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from table_model import decode_settings
from tiny_model import TEXTS
from tiny_tokenizer import tiny_tokenizer

from attn2seq.cli.main import main
from attn2seq.cli.translate import LINES_AT_ONCE
from attn2seq.decoding.reading_notes import MAX_CHARACTERS

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "attn2seq.cli.main"]
SETTINGS = decode_settings(beam_size=3, nbest=3, min_length=1, max_length_offset=8)


@pytest.fixture(scope="module")
def folder(complete_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_model(tmp_path_factory.mktemp("complete") / "model", SETTINGS)


# Runs the command with these arguments, and this on standard input: its status, lines and errors.
Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory without params.yaml, for the model knows its settings."""
    place = tmp_path_factory.mktemp("place")
    (place / "lines.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return place


@pytest.fixture
def run(
    place: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.chdir(place)

    def run(*arguments: str, given: bytes = b"") -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        status = main(["translate", "--model", str(folder), *arguments])
        out, err = capsys.readouterr()
        return status, out.split("\n")[:-1], err

    return run


def lines_of(result: tuple[int, list[str], str]) -> list[str]:
    status, lines, errors = result
    assert (status, errors) == (0, "")
    return lines


def refusal(result: tuple[int, list[str], str]) -> str:
    status, lines, errors = result
    assert (status, lines) == (1, [])
    return errors


def test_lines_in_lines_out(place: Path, folder: Path, run: Run) -> None:
    given = (place / "lines.txt").read_bytes()
    from_pipe = lines_of(run(given=given))
    assert lines_of(run("--file", "lines.txt")) == from_pipe
    assert lines_of(run(*TEXTS)) == from_pipe
    assert len(from_pipe) == len(TEXTS)
    assert [line == "" for line in from_pipe] == [text.strip() == "" for text in TEXTS]
    assert from_pipe[0] == from_pipe[6] != from_pipe[1]
    with started(place, folder) as process:
        out, err = process.communicate(given)
    assert (out.decode("utf-8").split("\n")[:-1], err) == (from_pipe, b"")


def test_a_line_is_cleaned_as_the_texts_of_training_were(run: Run) -> None:
    given = "\ufeffa cat\r\n  a\u2028 cat\n\0a \x07cat\t\na cat\n".encode()
    translated = lines_of(run(given=given))
    assert len(translated) == 4
    assert len(set(translated)) == 1


def test_a_line_is_put_into_the_unicode_form_of_the_training_texts(
    tmp_path: Path, model_folder: Path, complete_model: Callable[..., Path], run: Run
) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(model_folder, trained)
    for name in ("src.model", "tgt.model"):  # like the real ones, they leave texts as they are
        (trained / name).write_bytes(tiny_tokenizer(TEXTS, normalisation="identity"))
    wide = "\uff41 \uff43at"  # "a cat" in full-width letters, which the vocabulary does not know
    for form, alike in (("nfkc", True), ("nfc", False)):
        folder = complete_model(tmp_path / form, SETTINGS, form, trained)
        for arguments in (["a cat", wide], []):
            options = ("--model", str(folder), "--scores", *arguments)
            status, (one, other), said = run(*options, given=f"a cat\n{wide}\n".encode())
            assert status == 0
            assert (one == other) == alike
            assert ("not in the model's vocabulary, so read as unknown: ａ, ｃ (" in said) != alike


def test_every_translation_begins_with_the_prefix(run: Run) -> None:
    begun = lines_of(run("--prefix", " the  old", "a cat", "", "she reads"))
    assert [line.startswith("the old") for line in begun] == [True, False, True]
    assert not lines_of(run("a cat"))[0].startswith("the old")


def test_nbest_scores_and_attention(run: Run) -> None:
    listed = lines_of(run("--nbest", "2", "--scores", TEXTS[0], "a cat"))
    rows = [line.split("\t") for line in listed]
    assert [row[0] for row in rows] == ["0", "0", "1", "1"]
    assert float(rows[0][1]) > float(rows[1][1])
    drawn = lines_of(run("--attention", "a cat"))
    assert drawn[0] == rows[2][2]
    assert any("█" in line or "░" in line for line in drawn)


def test_options_override_the_recorded_settings(run: Run) -> None:
    assert len(lines_of(run("--nbest", "2", "a cat"))) == 2
    assert len(lines_of(run("--beam-size", "1", "a cat"))) == 1
    refused = refusal(run("--beam-size", "2", "--nbest", "5", "a cat"))
    assert "decode.nbest: 5 hypotheses are asked for, but the search has 2 (beam_size)" in refused
    assert "decode.beam_size" in refusal(run("--beam-size", "0", "a cat"))


def test_params_of_the_working_directory_do_not_matter(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lines_of(run(*TEXTS))
    (tmp_path / "params.yaml").write_text("decode: {beem_size: 3}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert lines_of(run(*TEXTS)) == before


NO_TEXT = "is no text: it holds half of a surrogate pair, as bytes do that are not UTF-8"


def test_mistakes_are_explained(run: Run) -> None:
    for given, arguments, expected in (
        (
            b"caf\xe9\n",
            [],
            "standard input, line 1: not UTF-8 (byte 0xe9 at position 4); save the file as UTF-8",
        ),
        (b"", ["--file", "none.txt"], "none.txt cannot be read: No such file or directory"),
        (b"", ["--file", "lines.txt", "a cat"], "give either texts or --file, not both"),
        (b"", ["a cat", "caf\udce9"], f"text 2 {NO_TEXT}"),
        (
            b"a cat\n" + b"a" * (MAX_CHARACTERS + 1),
            [],
            "standard input, line 2: longer than 4,194,304 bytes",
        ),
    ):
        assert refusal(run(*arguments, given=given)) == f"attn2seq translate: error: {expected}\n"


def started(place: Path, model: Path, *arguments: str) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "attn2seq.cli.main",
            "translate",
            "--model",
            str(model),
            *arguments,
        ],
        cwd=place,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "LC_ALL": "C"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_reader_that_leaves_is_no_error(place: Path, folder: Path) -> None:
    # Its output is more than a pipe holds, so that it writes after the reader has gone.
    (place / "many.txt").write_text("a dog runs on the grass\n" * 20_000, encoding="utf-8")
    process = started(place, folder, "--file", "many.txt")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().strip()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_ctrl_c_leaves_quietly(place: Path, folder: Path) -> None:
    process = started(place, folder)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"a cat\n" * LINES_AT_ONCE)
    process.stdin.flush()
    for _ in range(LINES_AT_ONCE):
        process.stdout.readline()
    # Its input stays open until it has ended: else the end of the input could come first.
    assert status_after_ctrl_c(process) == 130
    _, errors = process.communicate()
    assert errors == b""


def status_after_ctrl_c(process: subprocess.Popen[bytes]) -> int:
    """Pressed again where nothing happens, as a user would.

    A signal that comes after Python's last look for one and before its read wakes nothing.
    """
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    raise AssertionError("it waits for input after Ctrl-C")
