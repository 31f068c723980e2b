"""Model folders, vocabularies and token ids from elsewhere: what was saved, or a plain refusal."""

import json
import random
import struct
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generators import ODD_TEXTS, mutate
from outcomes import Refused, Tally
from sentencepiece import SentencePieceTrainer

from attn2seq.model.checkpoint import load_model, save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import Tokenizer

pytestmark = pytest.mark.promise("fuzz")

DAMAGES, EACH = 250, 60
Files = dict[str, bytes]
IDS = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3}
PIECES = 20


def vocabulary(size: int = PIECES, **ids: int) -> bytes:
    """A sentencepiece model of single characters."""
    made = BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["abcdefghijklmnopqrstuvwxyz"]), model_writer=made, vocab_size=size,
        model_type="char", hard_vocab_limit=False, character_coverage=1.0, minloglevel=2,
        **(IDS | ids),
    )  # fmt: skip
    return made.getvalue()


@pytest.fixture(scope="module")
def vocabularies() -> Files:
    """Those of a model, of another size, and made by another program with its own ids."""
    return {
        "sound": vocabulary(), "small": vocabulary(12), "bos first": vocabulary(bos_id=0, pad_id=2),
        "no pad": vocabulary(pad_id=-1, unk_id=0, bos_id=1, eos_id=2),
    }  # fmt: skip


@pytest.fixture
def sound(tmp_path: Path, small_model: Callable[..., Seq2Seq], vocabularies: Files) -> Files:
    """The files of a model's folder."""
    (tmp_path / "sound").mkdir()
    model = small_model()
    save_model(tmp_path / "sound", model, weights_of(model))
    files = {path.name: path.read_bytes() for path in (tmp_path / "sound").iterdir()}
    return files | {"src.model": vocabularies["sound"], "tgt.model": vocabularies["sound"]}


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Files], dict[str, torch.Tensor]]:
    """Writes a model's folder and loads it; gives its weights."""
    folder = tmp_path / "model"
    folder.mkdir()

    def run(files: Files) -> dict[str, torch.Tensor]:
        for path in folder.iterdir():
            path.unlink()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return weights_of(load_model(folder, torch.device("cpu"), torch.float32))

    return run


Load = Callable[[Files], dict[str, torch.Tensor]]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_damaged_model_folders(tally: Tally, sound: Files, load: Load, name: str) -> None:
    """What is loaded has the very weights that were saved."""
    saved = load(sound)
    for seed in range(DAMAGES):
        draw = random.Random(f"{name} {seed}")
        given, content = mutate(draw, sound[name])
        got = tally.meet("models", given, partial(load, sound | {name: content}))
        if isinstance(got, Refused):
            assert got.message.startswith("/")
            assert name in got.message or "model.safetensors does not fit" in got.message
        else:
            assert got.keys() == saved.keys()
            assert all(torch.equal(got[key], saved[key]) for key in saved)


def test_parts_that_are_not_there(tally: Tally, sound: Files, load: Load) -> None:
    for seed in range(EACH):
        name, kind = (
            ("config.json", "model: none there"),
            ("model.safetensors", "model: weights unreadable"),
        )[seed % 2]
        got = tally.meet(
            "models", "missing files", partial(load, {k: v for k, v in sound.items() if k != name})
        )
        assert isinstance(got, Refused)
        assert got.kinds == [kind]
        got = tally.meet("models", "missing files", partial(load, {"src.model": b""}))
        assert isinstance(got, Refused)
        assert got.kinds == ["model: none there"]


def packed(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def forged(draw: random.Random, content: bytes) -> bytes:
    """A header of safetensors that lies about the bytes behind it."""
    size = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    one, other = draw.sample(sorted(header), 2)
    entry = header[one]
    match draw.randrange(14):
        case 0:
            return struct.pack("<Q", draw.choice([0, 1, 1 << 40, (1 << 64) - 1])) + content[8:]
        case 1:
            entry["shape"] = [draw.choice([-1, 0, 1 << 62, 1 << 70, 1.5, "1"])] * 2
        case 2:
            entry["data_offsets"] = header[other]["data_offsets"]  # two over the same bytes
        case 3:
            entry["data_offsets"] = [0, 1 << draw.choice([33, 60, 63])]
        case 4:
            entry["data_offsets"] = entry["data_offsets"][::-1]
        case 5:
            entry["dtype"] = draw.choice(["F16", "F64", "I64", "BOOL", "X9", "", 1, None])
        case 6:
            header[other + "2"] = header.pop(one)
        case 7:
            header["__metadata__"] = {"a": draw.choice([1, {"b": {}}, None])}
        case 8:
            del header[one]
        case 9:
            header[one] = draw.choice([None, [], "x", {}, {"dtype": "F32"}])
        case 10:
            return packed(b"[" * draw.choice([10, 5000]), data)
        case 11:
            return packed(b'{"a": ' * 3000, data)
        case 12:
            return packed(draw.randbytes(40), data)
        case 13:
            return packed(header, data + draw.randbytes(draw.randint(1, 99)))
    return packed(header, data)


def test_a_wrong_bit_in_the_weights(tally: Tally, sound: Files, load: Load) -> None:
    """It may be anywhere, in the last digit of one weight too."""
    content = sound["model.safetensors"]
    start = 8 + struct.unpack("<Q", content[:8])[0]
    for seed in range(EACH):
        draw = random.Random(seed)
        damaged = bytearray(content)
        damaged[draw.randrange(start, len(content))] ^= 1 << draw.randrange(8)
        got = tally.meet(
            "models", "bits flipped", partial(load, sound | {"model.safetensors": bytes(damaged)})
        )
        assert isinstance(got, Refused)
        assert got.kinds == ["model: weights damaged"]


def test_forged_headers_of_weights(tally: Tally, sound: Files, load: Load) -> None:
    for seed in range(5 * EACH):
        draw = random.Random(seed)
        content = forged(draw, sound["model.safetensors"])
        got = tally.meet(
            "models", "forged headers", partial(load, sound | {"model.safetensors": content})
        )
        assert isinstance(got, Refused), content[:300]
        assert "model.safetensors" in got.message


def changed_config(draw: random.Random, config: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A config.json that asks for another model, and the error that it is."""
    model = config["model"]
    match draw.randrange(5):
        case 0:
            return config | {"format": draw.choice([0, 99, "1", None, 1.5])}, "model: other format"
        case 1:
            key = draw.choice(["src_vocabulary_size", "tgt_vocabulary_size"])
            size = draw.choice([21, 1 << 40, 1 << 80])
            return config | {key: size}, "model: weights do not fit"
        case 2:
            size = {"embedding_size": 1 << 20, "decoder_layers": 1 << 40, "readout_size": 3}
            key = draw.choice(list(size))
            return config | {"model": model | {key: size[key]}}, "model: weights do not fit"
        case 3:
            key = draw.choice(list(model))
            wrong = draw.choice([{}, [], "\u202e", None, -1.5])
            return config | {"model": model | {key: wrong}}, "model: no description"
        case _:
            key = draw.choice(list(model))
            less = {name: value for name, value in model.items() if name != key}
            return config | {"model": less}, "model: no description"


def test_configs_of_other_models(tally: Tally, sound: Files, load: Load) -> None:
    for seed in range(5 * EACH):
        draw = random.Random(seed)
        config, kind = changed_config(draw, json.loads(sound["config.json"]))
        content = json.dumps(config).encode()
        got = tally.meet("models", "other configs", partial(load, sound | {"config.json": content}))
        assert isinstance(got, Refused), config
        assert got.kinds[0] == kind, got.message


def test_vocabularies_from_elsewhere(
    tally: Tally, sound: Files, load: Load, vocabularies: Files
) -> None:
    for seed in range(3 * EACH):
        name, kind = (
            ("small", "tokenizer: other size"), ("bos first", "tokenizer: other ids"),
            ("no pad", "tokenizer: other ids"),
        )[seed % 3]  # fmt: skip
        side = ("src.model", "tgt.model")[seed % 2]
        got = tally.meet(
            "models", "other vocabularies", partial(load, sound | {side: vocabularies[name]})
        )
        assert isinstance(got, Refused)
        assert got.kinds == [kind]
        assert side in got.message


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
    for seed in range(3 * DAMAGES):
        draw = random.Random(seed)
        given, content = mutate(draw, vocabularies["sound"])
        path.write_bytes(content)
        got = tally.meet("vocabularies", given, partial(use, path))
        if isinstance(got, Refused):
            assert got.message.startswith(f"{path} ")
        else:
            assert all(0 <= token < got[0] for row in got[1] for token in row)
    path.unlink()
    for _ in range(EACH):
        got = tally.meet("vocabularies", "missing files", partial(use, path))
        assert isinstance(got, Refused)
        assert got.kinds == ["tokenizer: missing"]


def test_vocabularies_with_a_piece_that_is_no_text(
    tally: Tally, tmp_path: Path, vocabularies: Files
) -> None:
    path = tmp_path / "src.model"
    for letter in b"abcdefghijkl" * 5:
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
    for seed in range(3 * DAMAGES):
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
        for _ in range(EACH // 2):
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
