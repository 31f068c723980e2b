import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sentencepiece import SentencePieceTrainer

from attn2seq.batching.batch import make_batch
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model, save_model, weights_of
from attn2seq.model.config_file import TRAINED_FORMAT
from attn2seq.model.seq2seq import Seq2Seq

CPU = torch.device("cpu")


@pytest.mark.parametrize("ties", ["none", "target", "all"])
def test_a_loaded_model_is_the_saved_one(
    small_model: Callable[..., Seq2Seq], tmp_path: Path, ties: str
) -> None:
    model = small_model(tie_embeddings=ties)
    save_model(tmp_path, model, weights_of(model))
    loaded = load_model(tmp_path, CPU, torch.float32)
    batch = make_batch([[5, 6]], [[7]])
    assert torch.equal(loaded(batch).readout_BTR, model(batch).readout_BTR)
    assert len(load_file(tmp_path / "model.safetensors")) == len(list(model.parameters()))


def test_bytes_repeat(small_model: Callable[..., Seq2Seq], tmp_path: Path) -> None:
    model = small_model()
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        save_model(tmp_path / name, model, weights_of(model))
        contents.append((tmp_path / name / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]


def test_damage_is_named(small_model: Callable[..., Seq2Seq], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        load_model(tmp_path, CPU, torch.float32)
    model = small_model()
    save_model(tmp_path, model, weights_of(model))
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        load_model(tmp_path, CPU, torch.float32)
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        load_model(tmp_path, CPU, torch.float32)
    weights.write_bytes(whole)
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values | {"tgt_vocabulary_size": 21}))
    with pytest.raises(UserError, match="does not fit its config"):
        load_model(tmp_path, CPU, torch.float32)
    config.write_text(json.dumps(values | {"format": 99}))
    with pytest.raises(UserError, match="not of model format 2 or 3"):
        load_model(tmp_path, CPU, torch.float32)
    config.write_text(json.dumps({"format": TRAINED_FORMAT}))
    with pytest.raises(UserError, match="does not describe a model"):
        load_model(tmp_path, CPU, torch.float32)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda config: config["model"].update(embedding_size=1 << 20), "does not fit its config"),
        (lambda config: config["model"].update(encoder_hidden_size=1 << 62), r"\(a size\)"),
        (lambda config: config["model"].update(decoder_layers=1 << 40), r"\(too few layers\)"),
        (lambda config: config.update(src_vocabulary_size=1 << 40), "does not fit its config"),
        (lambda config: config.update(src_vocabulary_size=1 << 80), r"\(a size\)"),
        (lambda config: config.update(src_vocabulary_size=True), "src_vocabulary_size: input"),
        (lambda config: config.update(src_vocabulary_size=-1), "src_vocabulary_size: input"),
        (lambda config: config["model"].update(cell="x"), r"config\.model\.cell: input should be"),
        (lambda config: config.update(extra=1), r"config\.extra: unknown key"),
        (lambda config: config.update(format=3), r"format 3 has the sections texts and decode"),
    ],
)
def test_a_config_that_asks_for_too_much_takes_no_memory(
    small_model: Callable[..., Seq2Seq], tmp_path: Path, change: Change, fault: str
) -> None:
    model = small_model()
    save_model(tmp_path, model, weights_of(model))
    config = json.loads((tmp_path / "config.json").read_text())
    change(config)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=fault):
        load_model(tmp_path, CPU, torch.float32)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"format": 1, "format": 1}', b"\xff", b"", b"9" * 5000],
    ids=["deep", "a key twice", "no UTF-8", "empty", "a long number"],
)
def test_a_config_that_cannot_be_read(
    small_model: Callable[..., Seq2Seq], tmp_path: Path, content: bytes
) -> None:
    model = small_model()
    save_model(tmp_path, model, weights_of(model))
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        load_model(tmp_path, CPU, torch.float32)


def test_weights_of_another_number_type(
    small_model: Callable[..., Seq2Seq], tmp_path: Path
) -> None:
    model = small_model()
    weights = weights_of(model)
    name = sorted(weights)[0]
    save_model(tmp_path, model, weights | {name: weights[name].to(torch.float16)})
    with pytest.raises(UserError, match=rf"first differing weight: '{re.escape(name)}'"):
        load_model(tmp_path, CPU, torch.float32)


def test_a_tokenizer_from_elsewhere(small_model: Callable[..., Seq2Seq], tmp_path: Path) -> None:
    """Its ids would have no embedding, or stand for other pieces."""
    model = small_model()
    save_model(tmp_path, model, weights_of(model))
    with (tmp_path / "tgt.model").open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c"]), model_writer=file, model_type="char", vocab_size=8,
            pad_id=0, unk_id=1, bos_id=2, eos_id=3, minloglevel=2,
        )  # fmt: skip
    with pytest.raises(UserError, match=r"tgt\.model has 8 pieces, but the model was .* with 20"):
        load_model(tmp_path, CPU, torch.float32)
