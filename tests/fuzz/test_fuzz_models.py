"""Model folders from elsewhere: the very model that was saved, or a plain refusal."""

import json
import random
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from generators import mutate
from outcomes import Refused, Tally

from attn2seq.model.checkpoint import load_model, save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq

pytestmark = pytest.mark.promise("fuzz")

DAMAGES, EACH = 250, 60
Files = dict[str, bytes]


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
    for seed in tally.seeds(DAMAGES):
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
    for seed in tally.seeds(EACH):
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
    for seed in tally.seeds(EACH):
        draw = random.Random(seed)
        damaged = bytearray(content)
        damaged[draw.randrange(start, len(content))] ^= 1 << draw.randrange(8)
        got = tally.meet(
            "models", "bits flipped", partial(load, sound | {"model.safetensors": bytes(damaged)})
        )
        assert isinstance(got, Refused)
        assert got.kinds == ["model: weights damaged"]


def test_forged_headers_of_weights(tally: Tally, sound: Files, load: Load) -> None:
    for seed in tally.seeds(5 * EACH):
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
    for seed in tally.seeds(5 * EACH):
        draw = random.Random(seed)
        config, kind = changed_config(draw, json.loads(sound["config.json"]))
        content = json.dumps(config).encode()
        got = tally.meet("models", "other configs", partial(load, sound | {"config.json": content}))
        assert isinstance(got, Refused), config
        assert got.kinds[0] == kind, got.message


def test_vocabularies_from_elsewhere(
    tally: Tally, sound: Files, load: Load, vocabularies: Files
) -> None:
    for seed in tally.seeds(3 * EACH):
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
