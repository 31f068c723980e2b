import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from attn2seq.batching.batch import make_batch
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model, save_model, weights_of
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
    assert torch.equal(loaded(batch), model(batch))
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
    weights.write_bytes(whole)
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values | {"tgt_vocabulary_size": 21}))
    with pytest.raises(UserError, match="does not fit its config"):
        load_model(tmp_path, CPU, torch.float32)
    config.write_text(json.dumps(values | {"format": 99}))
    with pytest.raises(UserError, match="not of model format 1"):
        load_model(tmp_path, CPU, torch.float32)
    config.write_text(json.dumps({"format": 1}))
    with pytest.raises(UserError, match="does not describe a model"):
        load_model(tmp_path, CPU, torch.float32)
