"""Word vectors as the start of the embeddings: the rows found, no others, and frozen if asked."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from attn2seq.errors import UserError
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training.loop import Trainer
from attn2seq.training.run import start_from_vectors

FOUND = [5, 7, 19]


def write_vectors(folder: Path, side: str, width: int = 12, rows: int = 20, at: float = 1) -> None:
    table = np.full((rows, width), np.nan, np.float32)
    for token in FOUND:
        table[token] = token + at
    np.save(folder / f"{side}_vectors.npy", table)


@pytest.mark.parametrize("side", ["src", "tgt"])
def test_the_rows_found_start_from_their_vectors_and_the_rest_as_drawn(
    tmp_path: Path, small_model: Callable[..., Seq2Seq], side: str
) -> None:
    model, fresh = small_model(), small_model()
    write_vectors(tmp_path, side)
    said: list[str] = []
    start_from_vectors(model, tmp_path, said.append)
    assert said == [f"3 of 20 {side} embeddings start from vectors"]
    for name, weight in model.named_parameters():
        expected = fresh.get_parameter(name).detach().clone()
        if name == f"{side}_embedding.weight":
            for token in FOUND:
                expected[token] = token + 1
        assert torch.equal(weight, expected)


def test_without_vectors_nothing_changes(
    tmp_path: Path, small_model: Callable[..., Seq2Seq]
) -> None:
    model, fresh = small_model(), small_model()
    start_from_vectors(model, tmp_path, pytest.fail)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, fresh.get_parameter(name))


def test_where_both_sides_share_embeddings_the_sources_vectors_count(
    tmp_path: Path, small_model: Callable[..., Seq2Seq]
) -> None:
    model = small_model(tie_embeddings="all")
    write_vectors(tmp_path, "src", at=1)
    write_vectors(tmp_path, "tgt", at=2)
    start_from_vectors(model, tmp_path, lambda text: None)
    assert model.tgt_embedding.weight[5].tolist() == [6] * 12


@pytest.mark.parametrize("side", ["src", "tgt"])
def test_another_width_is_refused_with_both_numbers_and_keys(
    tmp_path: Path, small_model: Callable[..., Seq2Seq], side: str
) -> None:
    write_vectors(tmp_path, side, width=50)
    fault = (
        f"the vectors of download.{side}_vectors have 50 numbers, and model.embedding_size is 12: "
        "set it to 50, or choose other vectors"
    )
    with pytest.raises(UserError, match=f"^{re.escape(fault)}$"):
        start_from_vectors(small_model(), tmp_path, lambda text: None)


def test_vectors_of_another_vocabulary_are_refused(
    tmp_path: Path, small_model: Callable[..., Seq2Seq]
) -> None:
    write_vectors(tmp_path, "src", rows=21)
    with pytest.raises(UserError, match=r"src_vectors\.npy does not fit the vocabulary"):
        start_from_vectors(small_model(), tmp_path, lambda text: None)


@pytest.mark.parametrize(
    ("ties", "side", "frozen"),
    [
        ("none", "src", {"src_embedding.weight"}),
        ("none", "tgt", {"tgt_embedding.weight"}),
        ("target", "src", {"src_embedding.weight"}),
        ("target", "tgt", {"tgt_embedding.weight"}),  # which is the output layer's, too
        ("all", "src", {"tgt_embedding.weight"}),  # the name of what both sides share
    ],
)
def test_what_has_no_vectors_is_not_frozen(
    tmp_path: Path, small_model: Callable[..., Seq2Seq], ties: str, side: str, frozen: set[str]
) -> None:
    """An embedding drawn at random is worth nothing before it is trained."""
    model = small_model(tie_embeddings=ties, freeze_embeddings=True)
    write_vectors(tmp_path, side)
    start_from_vectors(model, tmp_path, lambda text: None)
    fixed = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert fixed == frozen


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_vectors_stay_as_they_are_in_training(
    tmp_path: Path, trainer: Callable[..., Trainer], frozen: bool
) -> None:
    made = trainer(freeze_embeddings=frozen, max_steps=5)
    write_vectors(tmp_path, "src")
    start_from_vectors(made.model, tmp_path, lambda text: None)
    made.optimizer = type(made.optimizer)(made.model, made.settings, made.total_steps)
    weights = made.run()
    kept = [weights["src_embedding.weight"][token].tolist() == [token + 1] * 12 for token in FOUND]
    assert kept == [frozen] * 3
