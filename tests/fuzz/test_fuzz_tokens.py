"""Vocabularies and token ids from elsewhere: what was saved, or a plain refusal."""

import random
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from generators import ODD_TEXTS, mutate
from outcomes import Refused, Tally

from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import Tokenizer

pytestmark = pytest.mark.promise("fuzz")

DAMAGES, EACH = 250, 60
Files = dict[str, bytes]


def use(path: Path) -> tuple[int, list[list[int]]]:
    tokenizer = Tokenizer(path)
    ids = tokenizer.encode(ODD_TEXTS)
    tokenizer.decode(ids)
    for row in ids:
        tokenizer.pieces(row)
    return tokenizer.vocabulary_size, ids


def test_damaged_vocabularies(tally: Tally, tmp_path: Path, vocabularies: Files) -> None:
    """One that can be read serves: its ids are its own. A wrong bit in a piece is another piece."""
    path = tmp_path / "src.model"
    for seed in tally.seeds(3 * DAMAGES):
        draw = random.Random(seed)
        given, content = mutate(draw, vocabularies["sound"])
        path.write_bytes(content)
        got = tally.meet("vocabularies", given, partial(use, path))
        if isinstance(got, Refused):
            assert got.message.startswith(f"{path} ")
        else:
            assert all(0 <= token < got[0] for row in got[1] for token in row)
    path.unlink()
    for _ in tally.seeds(EACH):
        got = tally.meet("vocabularies", "missing files", partial(use, path))
        assert isinstance(got, Refused)
        assert got.kinds == ["tokenizer: missing"]


def test_vocabularies_with_a_piece_that_is_no_text(
    tally: Tally, tmp_path: Path, vocabularies: Files
) -> None:
    path = tmp_path / "src.model"
    for seed in tally.seeds(EACH):
        letter = b"abcdefghijkl"[seed % 12]
        # A piece of one letter: field 1, of one byte.
        path.write_bytes(vocabularies["sound"].replace(b"\x0a\x01%c" % letter, b"\x0a\x01\xff"))
        got = tally.meet("vocabularies", "pieces of no text", partial(use, path))
        assert isinstance(got, Refused)
        assert got.kinds == ["tokenizer: piece no text"]


def read_all(prefix: Path) -> list[list[int]]:
    store = TokenStore(prefix)
    return [store[index].tolist() for index in range(len(store))]


def test_damaged_token_ids(tally: Tally, tmp_path: Path) -> None:
    """Numbers have no checksum; DVC has one for the files. Whatever is read was there to read."""
    sequences = [[5, 6], [], [7, 8, 9], [4] * 20]
    write_token_store(tmp_path / "train.src", sequences, 20)
    assert read_all(tmp_path / "train.src") == sequences
    files = {path: path.read_bytes() for path in tmp_path.glob("*.npy")}
    for seed in tally.seeds(3 * DAMAGES):
        draw = random.Random(seed)
        path = draw.choice(sorted(files))
        given, content = mutate(draw, files[path])
        if seed % 5 == 0:
            given, content = "headers that lie", forged_array(draw, files[path])
        path.write_bytes(content)
        got = tally.meet("token ids", given, partial(read_all, tmp_path / "train.src"))
        path.write_bytes(files[path])
        if isinstance(got, Refused):
            assert got.message.startswith(f"{tmp_path}/train.src.")
        else:
            assert sum(map(len, got)) <= sum(map(len, sequences))
    for path in files:
        path.unlink()
        for _ in tally.seeds(EACH // 2):
            got = tally.meet(
                "token ids", "missing files", partial(read_all, tmp_path / "train.src")
            )
            assert isinstance(got, Refused)
            assert got.kinds == ["tokens: missing"]
        path.write_bytes(files[path])


def forged_array(draw: random.Random, content: bytes) -> bytes:
    """Another shape or kind of number than there are bytes, or more sequences than tokens."""
    array = np.load(BytesIO(content))
    match draw.randrange(4):
        case 0:
            shape = draw.choice([b"(999999999999,)", b"(3, 9)", b"(-1,)", b"()", b"(2.5,)"])
            return content.replace(b"(%d,)" % len(array), shape)
        case 1:
            return content.replace(array.dtype.str.encode(), draw.choice([b"|O", b"<f4", b"<U9"]))
        case 2:
            made = BytesIO()
            np.save(made, array[:-1])
            return made.getvalue()
        case _:
            made = BytesIO()
            np.save(made, array + draw.choice([1, 5]))
            return made.getvalue()
