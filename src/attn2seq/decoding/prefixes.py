"""Forced beginnings: a hypothesis goes on from target pieces that are given.

The pieces are read like any others, and their log-probabilities count: a score is still that of the
whole hypothesis.

Shapes: B batch, N rows of a step, P pieces of the longest prefix, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attn2seq.batching.batch import TokenIds
from attn2seq.tokenization.tokenizer import PAD_ID


def prefix_batch(
    prefixes: Sequence[TokenIds], device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Target ids without bos, padded to one length: `prefixes_BP`, and on the CPU `lengths_B`.

    `prefix_batch([[7], [], [8, 9]])` gives rows `7 pad`, `pad pad` and `8 9`, and lengths `1 0 2`.
    """
    lengths_B = torch.tensor([len(ids) for ids in prefixes])
    prefixes_BP = torch.full((len(prefixes), int(lengths_B.max())), PAD_ID)
    for row_P, ids in zip(prefixes_BP, prefixes, strict=True):
        row_P[: len(ids)] = torch.as_tensor(ids)
    return prefixes_BP.to(device), lengths_B


def force_(log_probs_NV: Tensor, forced_N: Tensor) -> None:
    """Give log-probability -inf, in place, to all tokens but `forced_N`; PAD_ID there forces none.

    It goes before what forbids tokens: one that is forbidden cannot be forced.
    """
    forced_N1 = forced_N.unsqueeze(1)
    kept_N1 = log_probs_NV.gather(1, forced_N1)
    log_probs_NV.masked_fill_(forced_N1 != PAD_ID, -torch.inf)
    log_probs_NV.scatter_(1, forced_N1, kept_N1)
