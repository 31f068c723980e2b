"""A batch of sentence pairs as padded tensors.

Shapes: B batch, S source positions, T target positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.tokenization.token_store import TokenSequences
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID

TokenIds = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class Batch:
    """Sentence pairs for teacher forcing; all tensors are int64.

    The pair `[5, 6] -> [7]` stands as src `5 6 eos`, tgt_in `bos 7`, tgt_out `7 eos`.
    """

    src_BS: Tensor
    src_lengths_B: Tensor  # eos counted; on the CPU, where packing needs them
    tgt_in_BT: Tensor
    tgt_out_BT: Tensor


@dataclass(frozen=True)
class Pairs:
    """The tokenized sentence pairs of one split."""

    src: TokenSequences
    tgt: TokenSequences

    def __len__(self) -> int:
        return len(self.src)

    def batch(self, indices: Sequence[int] | NDArray[np.int64], device: torch.device) -> Batch:
        """The pairs at `indices`, padded."""
        sources = [self.src[int(index)] for index in indices]
        return make_batch(sources, [self.tgt[int(index)] for index in indices], device)


def pad_batch(
    sources: Sequence[TokenIds], device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Source ids with eos appended, padded to one length: `src_BS` and `src_lengths_B`.

    `pad_batch([[7], [8, 9]])` gives rows `7 eos pad` and `8 9 eos`, and lengths `2 3`.
    """
    lengths_B = torch.tensor([len(ids) + 1 for ids in sources])
    return _pad(sources, last=EOS_ID).to(device, non_blocking=True), lengths_B


def make_batch(
    sources: Sequence[TokenIds], targets: Sequence[TokenIds], device: torch.device | str = "cpu"
) -> Batch:
    """A batch from token ids without bos and eos; both sides in the same order."""
    src_BS, src_lengths_B = pad_batch(sources, device)
    tgt_out_BT = _pad(targets, last=EOS_ID)
    tgt_in_BT = _pad(targets, first=BOS_ID)
    return Batch(
        src_BS,
        src_lengths_B,
        tgt_in_BT.to(device, non_blocking=True),
        tgt_out_BT.to(device, non_blocking=True),
    )


def _pad(rows: Sequence[TokenIds], first: int | None = None, last: int | None = None) -> Tensor:
    """Rows with one token put before or after each, padded to one length."""
    width = max(len(ids) for ids in rows) + 1
    padded = np.full((len(rows), width), PAD_ID, dtype=np.int64)
    offset = 0 if first is None else 1
    for row, ids in zip(padded, rows, strict=True):
        row[offset : offset + len(ids)] = ids
        if first is not None:
            row[0] = first
        if last is not None:
            row[len(ids)] = last
    return torch.from_numpy(padded)
