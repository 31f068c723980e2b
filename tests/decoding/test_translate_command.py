"""The command on a real model folder, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from table_model import decode_settings
from tiny_model import TEXTS

from pipeline.translate import LINES_AT_ONCE, MAX_LINE_BYTES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory without params.yaml; the settings lie beside the model."""
    settings = decode_settings(beam_size=3, nbest=3, min_length=1, max_length_offset=8)
    (model_folder / "decode.json").write_text(json.dumps(settings.model_dump()), encoding="utf-8")
    place = tmp_path_factory.mktemp("place")
    (place / "lines.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return place


def command(model: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.translate", "--model", str(model), *arguments]


def environment() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "LC_ALL": "C"}


def run(
    place: Path, model: Path, *arguments: str, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command(model, *arguments), cwd=place, env=environment(), input=given, capture_output=True
    )


def lines_of(result: subprocess.CompletedProcess[bytes]) -> list[str]:
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode("utf-8").split("\n")[:-1]


def test_lines_in_lines_out(place: Path, model_folder: Path) -> None:
    given = (place / "lines.txt").read_bytes()
    from_pipe = lines_of(run(place, model_folder, given=given))
    assert lines_of(run(place, model_folder, "--file", "lines.txt")) == from_pipe
    assert lines_of(run(place, model_folder, *TEXTS)) == from_pipe
    assert len(from_pipe) == len(TEXTS)
    assert [line == "" for line in from_pipe] == [text.strip() == "" for text in TEXTS]
    assert from_pipe[0] == from_pipe[6] != from_pipe[1]


def test_a_line_is_cleaned_as_the_texts_of_training_were(place: Path, model_folder: Path) -> None:
    given = "\ufeffa cat\r\n  a\u2028 cat\n\0a \x07cat\t\na cat\n".encode()
    translated = lines_of(run(place, model_folder, given=given))
    assert len(translated) == 4
    assert len(set(translated)) == 1


def test_nbest_scores_and_attention(place: Path, model_folder: Path) -> None:
    listed = lines_of(run(place, model_folder, "--nbest", "2", "--scores", TEXTS[0], "a cat"))
    rows = [line.split("\t") for line in listed]
    assert [row[0] for row in rows] == ["0", "0", "1", "1"]
    assert float(rows[0][1]) > float(rows[1][1])
    drawn = lines_of(run(place, model_folder, "--attention", "a cat"))
    assert drawn[0] == rows[2][2]
    assert any("█" in line or "░" in line for line in drawn)


def test_options_override_the_recorded_settings(place: Path, model_folder: Path) -> None:
    assert len(lines_of(run(place, model_folder, "--nbest", "2", "a cat"))) == 2
    greedy = run(place, model_folder, "--beam-size", "1", "--nbest", "2", "a cat")
    assert len(lines_of(greedy)) == 1
    refused = run(place, model_folder, "--beam-size", "0", "a cat")
    assert refused.returncode == 1
    assert b"decode.beam_size" in refused.stderr


def test_params_come_before_the_settings_beside_the_model(
    tmp_path: Path, place: Path, model_folder: Path
) -> None:
    (tmp_path / "params.yaml").write_text("decode: {beem_size: 3}\n", encoding="utf-8")
    refused = run(tmp_path, model_folder, "a cat")
    assert refused.returncode == 1
    assert b"params.yaml has" in refused.stderr
    assert b"did you mean decode.beam_size?" in refused.stderr


def test_mistakes_are_explained(place: Path, model_folder: Path) -> None:
    for given, arguments, expected in (
        (
            b"caf\xe9\n",
            [],
            "standard input, line 1: not UTF-8 (byte 0xe9 at position 4); save the file as UTF-8",
        ),
        (b"", ["--file", "none.txt"], "none.txt cannot be read: No such file or directory"),
        (b"", ["--file", "lines.txt", "a cat"], "give either texts or --file, not both"),
        (b"", ["a cat", "caf\udce9"], "text 2 is not UTF-8: convert it first"),
        (
            b"a cat\n" + b"a" * (MAX_LINE_BYTES + 1),
            [],
            "standard input, line 2: longer than 4,194,304 bytes",
        ),
    ):
        result = run(place, model_folder, *arguments, given=given)
        assert result.returncode == 1
        assert result.stderr.decode() == f"translate: error: {expected}\n"


def started(place: Path, model: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(model, *arguments),
        cwd=place,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_reader_that_leaves_is_no_error(place: Path, model_folder: Path) -> None:
    # Its output is more than a pipe holds, so that it writes after the reader has gone.
    (place / "many.txt").write_text("a dog runs on the grass\n" * 20_000, encoding="utf-8")
    process = started(place, model_folder, "--file", "many.txt")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().strip()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


def test_ctrl_c_leaves_quietly(place: Path, model_folder: Path) -> None:
    process = started(place, model_folder)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"a cat\n" * LINES_AT_ONCE)
    process.stdin.flush()
    for _ in range(LINES_AT_ONCE):
        process.stdout.readline()
    # It has answered and waits for more.
    process.send_signal(signal.SIGINT)
    # Its input stays open until it has ended: else the end of the input could come first.
    assert process.wait(timeout=60) == 130
    _, errors = process.communicate()
    assert errors == b""
