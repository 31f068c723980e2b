"""Training that starts from a trained model: its weights and vocabularies, or a refusal."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model, save_model, weights_of
from attn2seq.model.config_file import FILES
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.preparing.settings import START_FOLDER
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import SPLITS, tokenize_splits
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.training.run import start_from_model

CPU = torch.device("cpu")


def test_all_weights_are_taken_over(tmp_path: Path, small_model: Callable[..., Seq2Seq]) -> None:
    trained = small_model(tie_embeddings="all")
    for weight in trained.parameters():
        weight.data.add_(1)
    save_model(tmp_path, trained, weights_of(trained))
    model, said = small_model(tie_embeddings="all", embedding_dropout=0.4), []
    start_from_model(model, tmp_path, said.append)
    for name, weight in trained.named_parameters():
        assert torch.equal(model.get_parameter(name), weight)
    assert model.settings.embedding_dropout == 0.4  # which the new training may choose
    assert said == ["all weights start from those of a trained model (download.start_from)"]


def test_another_architecture_is_refused(
    tmp_path: Path, small_model: Callable[..., Seq2Seq]
) -> None:
    save_model(tmp_path, small_model(), weights_of(small_model()))
    model = small_model(cell="gru", attention_heads=5)
    with pytest.raises(UserError, match=r"model\.cell is gru, and that model has lstm; model\.att"):
        start_from_model(model, tmp_path, lambda text: None)


def test_vocabularies_are_taken_over(model_folder: Path, tmp_path: Path) -> None:
    """The texts of another corpus, in the pieces of the model, and its weights for training."""
    prepared, start, output = tmp_path / "prepared", tmp_path / "start", tmp_path / "out"
    prepared.mkdir()
    start.mkdir()
    for name in FILES:
        shutil.copyfile(model_folder / name, start / name)
    for split in SPLITS:
        pd.DataFrame({"src": ["a cat", "two dogs"], "tgt": ["a dog", "men"]}).to_parquet(
            prepared / f"{split}.parquet"
        )
    settings = TokenizeSettings(
        model_type="char", vocabulary_size=9999, joint_vocabulary=False, tgt_model_type="same",
        tgt_vocabulary_size=0, character_coverage=1.0, byte_fallback=False,
        user_defined_symbols=[], max_training_lines=0, seed=1,
    )  # fmt: skip
    said: list[str] = []
    tokenize_splits(prepared, output, settings, said.append, start=start)
    assert said[0] == "the vocabularies are those of the model that training starts from"
    for side, text in (("src", "two dogs"), ("tgt", "men")):
        path = output / f"{side}.model"
        assert path.read_bytes() == (model_folder / path.name).read_bytes()
        [ids] = Tokenizer(path).encode([text])
        assert TokenStore(output / f"dev.{side}")[1].tolist() == ids
    handed_on = load_model(output / START_FOLDER, CPU, torch.float32)
    for name, weight in load_model(model_folder, CPU, torch.float32).named_parameters():
        assert torch.equal(handed_on.get_parameter(name), weight)
