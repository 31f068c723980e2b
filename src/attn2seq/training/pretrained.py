"""Pretrained word vectors as the start of the embeddings."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from attn2seq.errors import UserError
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.vectors import read_vectors

# The source last: where both sides share their embeddings, its vectors count.
SIDES = ("tgt", "src")


def start_from_vectors(model: Seq2Seq, tokenized: Path, say: Callable[[str], None]) -> None:
    """Put the vectors that the tokenize stage found into the embeddings; the rest stay as drawn.

    With `model.freeze_embeddings` those of a side that has vectors are then no longer trained.
    Raises UserError where the vectors are not as wide as the embeddings.
    """
    for side in SIDES:
        path = tokenized / f"{side}_vectors.npy"
        if path.is_file():
            embedding: nn.Embedding = getattr(model, f"{side}_embedding")
            found = _fill(embedding, path, f"download.{side}_vectors")
            embedding.requires_grad_(not model.settings.freeze_embeddings)
            say(f"{found:,} of {embedding.num_embeddings:,} {side} embeddings start from vectors")


def _fill(embedding: nn.Embedding, path: Path, key: str) -> int:
    """Returns the number of rows that have a vector."""
    vectors = torch.from_numpy(read_vectors(path))
    rows, width = vectors.shape
    if width != embedding.embedding_dim:
        raise UserError(
            f"the vectors of {key} have {width} numbers, and model.embedding_size is "
            f"{embedding.embedding_dim}: set it to {width}, or choose other vectors"
        )
    if rows != embedding.num_embeddings:
        raise UserError(f"{path} does not fit the vocabulary; run tokenize again")
    found = ~vectors.isnan().any(dim=1)
    with torch.no_grad():
        embedding.weight[found] = vectors[found]
    return int(found.sum())
