"""A batch of sentence pairs as padded tensors.

Shapes: B batch, S source positions, T target positions, N target tokens. Of recordings the source
is frames, B x frames x mel bins, wherever `src_BS` stands, and its lengths count frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.features.augment import AugmentedFrames
from attn2seq.features.frame_store import FrameSequences, stacked
from attn2seq.features.log_mel import Frames
from attn2seq.tokenization.token_store import TokenSequences
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID

TokenIds = Sequence[int] | NDArray[np.integer]
Source = TokenIds | Frames


@dataclass(frozen=True)
class Batch:
    """Sentence pairs for teacher forcing; all tensors are int64, but frames float32.

    The pair `[5, 6] -> [7]` stands as src `5 6 eos`, tgt_in `bos 7`, tgt_out `7 eos`.
    """

    src_BS: Tensor
    src_lengths_B: Tensor  # eos counted; on the CPU, where packing needs them
    tgt_in_BT: Tensor
    tgt_out_BT: Tensor
    # Where target tokens stand among all B * T places, sentence by sentence: known on the host, so
    # that no GPU has to be asked how many there are.
    places_N: Tensor

    @property
    def tokens(self) -> int:
        """Target tokens, eos counted."""
        return len(self.places_N)


@dataclass(frozen=True)
class Pairs:
    """The tokenized sentence pairs of one split."""

    src: TokenSequences | FrameSequences | AugmentedFrames
    tgt: TokenSequences

    def __len__(self) -> int:
        return len(self.src)

    def batch(self, indices: Sequence[int] | NDArray[np.int64], device: torch.device) -> Batch:
        """The pairs at `indices`, padded."""
        sources = [self.src[int(index)] for index in indices]
        return make_batch(sources, [self.tgt[int(index)] for index in indices], device)


def pad_batch(
    sources: Sequence[Source], device: torch.device | str = "cpu", longest: int = 0
) -> tuple[Tensor, Tensor]:
    """Source ids with eos appended, padded to one length: `src_BS` and `src_lengths_B`.

    `pad_batch([[7], [8, 9]])` gives rows `7 eos pad` and `8 9 eos`, and lengths `2 3`. Frames have
    no eos and are padded with zeros. All are padded as if a source of length `longest` were there.
    """
    if is_frames(sources[0]):
        padded, lengths = stacked(sources, longest)  # type: ignore[arg-type]
        rows, lengths_B = torch.from_numpy(padded), torch.from_numpy(lengths)
    else:
        lengths_B = torch.tensor([len(ids) + 1 for ids in sources])
        rows = _pad(sources, longest, last=EOS_ID)  # type: ignore[arg-type]
    if torch.device(device).type == "cuda":
        lengths_B = lengths_B.pin_memory()
    return _moved(rows, device), lengths_B


def is_frames(source: Source) -> bool:
    """Whether a source is frames of a recording, and not token ids."""
    return isinstance(source, np.ndarray) and source.ndim == 2


def make_batch(
    sources: Sequence[Source],
    targets: Sequence[TokenIds],
    device: torch.device | str = "cpu",
    longest: tuple[int, int] = (0, 0),
) -> Batch:
    """A batch from token ids without bos and eos; both sides in the same order.

    It is padded as if there were a source and a target of `longest` ids among them.
    """
    src_BS, src_lengths_B = pad_batch(sources, device, longest[0])
    tgt_out_BT = _pad(targets, longest[1], last=EOS_ID)
    tgt_in_BT = _pad(targets, longest[1], first=BOS_ID)
    places_N = torch.from_numpy(np.flatnonzero(tgt_out_BT.numpy() != PAD_ID))
    tgt_in_BT, tgt_out_BT, places_N = (
        _moved(tensor, device) for tensor in (tgt_in_BT, tgt_out_BT, places_N)
    )
    return Batch(src_BS, src_lengths_B, tgt_in_BT, tgt_out_BT, places_N)


def _moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """On the device; a GPU is not waited for, which memory that may be swapped out would need."""
    if torch.device(device).type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _pad(
    rows: Sequence[TokenIds], longest: int, first: int | None = None, last: int | None = None
) -> Tensor:
    """Rows with one token put before or after each, padded to one length."""
    width = max(longest, *(len(ids) for ids in rows)) + 1
    padded = np.full((len(rows), width), PAD_ID, dtype=np.int64)
    offset = 0 if first is None else 1
    for row, ids in zip(padded, rows, strict=True):
        row[offset : offset + len(ids)] = ids
        if first is not None:
            row[0] = first
        if last is not None:
            row[len(ids)] = last
    return torch.from_numpy(padded)
