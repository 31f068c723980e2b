"""The models of an ensemble: one folder each, with one target vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from attn2seq.decoding.ensemble import Member
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model
from attn2seq.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Loaded:
    """A model with the tokenizer that cuts sources for it."""

    model: Member
    src_tokenizer: Tokenizer
    src_vocabulary: bytes  # of src.model: where it is equal, sources are cut once


def load_members(folders: Sequence[Path], device: torch.device, dtype: torch.dtype) -> list[Loaded]:
    """The model of each folder.

    Raises UserError where one is no model, or has another target vocabulary than the first: then
    equal token ids would stand for different pieces.
    """
    members = [
        Loaded(
            load_model(folder, device, dtype),
            Tokenizer(folder / "src.model"),
            (folder / "src.model").read_bytes(),
        )
        for folder in folders
    ]
    first, *others = (folder / "tgt.model" for folder in folders)
    for other in others:
        if not other.is_file() or other.read_bytes() != first.read_bytes():
            raise UserError(
                f"{other} is not the target vocabulary of {first}: an ensemble's models must have "
                "been trained on the same tokenized corpus; leave it out of decode.ensemble, or "
                "train it again with the same tokenize section"
            )
    return members
