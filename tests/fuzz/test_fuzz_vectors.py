"""Pretrained word vectors: the numbers that stand in the file, or the line of the first fault."""

import random
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from generators import mutate
from outcomes import Refused, Tally
from ruamel.yaml import YAML
from sentencepiece import SentencePieceTrainer

from attn2seq.reading.lines import read_lines
from attn2seq.sources.vectors import find_vectors
from attn2seq.tokenization.tokenizer import SPACE, Tokenizer
from attn2seq.tokenization.vectors import read_vectors, write_vectors

pytestmark = pytest.mark.promise("fuzz")

DAMAGES, EACH = 400, 60
WORDS = ["the", "house", "sees", "a", "dog", ",", "."]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    made = BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS)]), model_writer=made, vocab_size=30,
        model_type="word", hard_vocab_limit=False, minloglevel=2, pad_id=0, unk_id=1, bos_id=2,
        eos_id=3,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("words") / "src.model"
    path.write_bytes(made.getvalue())
    return Tokenizer(path)


def lines_of(draw: random.Random, width: int) -> list[str]:
    # The first line says how many numbers a vector has, so that its word holds no space.
    words = [
        "first",
        *draw.sample([*WORDS, "zebra", "two words", "\u4f60\u597d"], draw.randint(1, 8)),
    ]
    return [
        " ".join([word, *(f"{draw.uniform(-1, 1):.3f}" for _ in range(width))]) for word in words
    ]


def write(folder: Path, tokenizer: Tokenizer) -> dict[str, list[float]]:
    """The vectors that reach the embeddings, by word."""
    path = folder / "src_vectors.npy"
    write_vectors(path, tokenizer, str(folder / "v.txt"), read_lines(folder, "v.txt"))
    table = read_vectors(path)
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    return {
        piece.removeprefix(SPACE): row.tolist()
        for piece, row in zip(pieces, table, strict=True)
        if not np.isnan(row).any()
    }


def expected(text: str) -> Iterator[tuple[str, list[float]]]:
    """Of a sound file, in which the word may hold a space."""
    for line in text.split("\n")[:-1]:
        fields = line.split(" ")
        place = 2 if fields[0] == "two" else 1
        yield " ".join(fields[:place]), [float(np.float32(number)) for number in fields[place:]]


def test_what_stands_there_is_read(tally: Tally, tmp_path: Path, tokenizer: Tokenizer) -> None:
    for seed in tally.seeds(EACH):
        draw = random.Random(seed)
        lines = lines_of(draw, draw.randint(2, 5))
        header = [f"{len(lines)} {len(lines[0].split()) - 1}"] * (seed % 2)
        text = "".join(f"{line}\n" for line in lines)
        (tmp_path / "v.txt").write_text("".join(f"{line}\n" for line in header) + text)
        got = tally.meet("vectors", "sound files", partial(write, tmp_path, tokenizer))
        assert got == {word: row for word, row in expected(text) if word in WORDS}


FAULTS = {
    "vectors: other width": ["the 0.5", "the 1 2 3 4 5 6 7", "zebra 1", "house"],
    "vectors: no number": ["the 1 x 3", "the 1 \u0660x 3", "house 1 0x10 2", "a 1 \u202e 2"],
    "vectors: not finite": ["the 1 nan 3", "the 1 1e999 3", "house -inf 1 1", "a 1 2 inf"],
    "lines: not UTF-8": ["the 1 2 \udcff", "\udce9 1 2 3"],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_told_at_its_line(
    tally: Tally, tmp_path: Path, tokenizer: Tokenizer, kind: str
) -> None:
    for seed in tally.seeds(EACH):
        draw = random.Random(f"{kind} {seed}")
        before = [f"w{number} 1 2 3" for number in range(draw.randint(1, 5))]
        lines = [*before, draw.choice(FAULTS[kind]), "zebra 1 2 3"]
        content = "".join(f"{line}\n" for line in lines)
        (tmp_path / "v.txt").write_text(content, encoding="utf-8", errors="surrogateescape")
        got = tally.meet("vectors", "faulty lines", partial(write, tmp_path, tokenizer))
        assert isinstance(got, Refused)
        assert got.kinds == [kind]
        assert f"v.txt, line {len(before) + 1}: " in got.message
        (tmp_path / "v.txt").write_text(draw.choice(["word\n", "a" + " 1" * 10_001 + "\n"]))
        got = tally.meet("vectors", "no vectors", partial(write, tmp_path, tokenizer))
        assert isinstance(got, Refused)
        assert got.kinds == ["vectors: no width"]


def test_damaged_files(tally: Tally, tmp_path: Path, tokenizer: Tokenizer) -> None:
    """A bit that makes one digit another makes another number: published files have a sha256."""
    for seed in tally.seeds(DAMAGES):
        draw = random.Random(seed)
        given, content = mutate(draw, "".join(f"{x}\n" for x in lines_of(draw, 3)).encode())
        (tmp_path / "v.txt").write_bytes(content)
        got = tally.meet("vectors", given, partial(write, tmp_path, tokenizer))
        if isinstance(got, Refused):
            assert str(tmp_path / "v.txt") in got.message
        else:
            assert got.keys() <= set(WORDS)


def test_damaged_rows(tally: Tally, tmp_path: Path, tokenizer: Tokenizer) -> None:
    (tmp_path / "v.txt").write_text("the 1 2 3\n")
    write(tmp_path, tokenizer)
    path = tmp_path / "src_vectors.npy"
    sound = path.read_bytes()
    for seed in tally.seeds(DAMAGES):
        given, content = mutate(random.Random(seed), sound)
        path.write_bytes(content)
        got = tally.meet("vectors", given, partial(read_vectors, path))
        if not isinstance(got, Refused):
            assert got.ndim == 2


def test_entries_of_vectors(tally: Tally, tmp_path: Path) -> None:
    (tmp_path / "vectors").mkdir()
    (tmp_path / "local").mkdir()
    sound = {"name": "mine", "title": "t", "licence": "l", "citation": "c"}
    url = {"url": "https://a.org/v.txt", "sha256": "0" * 64}
    faulty = [
        {"file": {"path": "../v.txt"}}, {"file": {"path": "/etc/passwd"}}, {"file": {}},
        {"file": url | {"url": "http://a.org/v.txt"}}, {"file": url | {"url": "https://a.org/.."}},
        {"file": url | {"path": "v.txt"}}, {"file": {"url": url["url"]}},
        {"file": {"path": "a\u202eb"}}, {"file": {"path": "v.zip"}},
        {"file": {"path": "v.txt"}, "member": "x"}, {"file": {"path": "vectors.json"}},
        {"file": {"path": "v.txt"}, "name": "yours"}, {"file": {"path": "v.txt"}, "titel": "x"},
    ]  # fmt: skip
    for seed in tally.seeds(3 * EACH):
        with (tmp_path / "vectors/mine.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(sound | faulty[seed % len(faulty)], file)
        find = partial(find_vectors, tmp_path, tmp_path / "local")
        got = tally.meet("vectors", "faulty entries", partial(find, "mine"))
        assert isinstance(got, Refused)
        assert "vectors/mine.yaml has 1 error" in got.message
        name = ["../x", "none", "/etc/passwd", "a\u202eb", "", "x\0"][seed % 6]
        got = tally.meet("vectors", "other names", partial(find, name))
        assert isinstance(got, Refused)
        assert got.kinds == ["vectors: no such"]
