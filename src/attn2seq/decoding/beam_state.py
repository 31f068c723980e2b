"""All that a beam search knows between two steps.

Shapes: B sentences still searched, K beam, S source positions (0 where coverage is not asked for).
"""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from attn2seq.tokenization.tokenizer import BOS_ID


@dataclass(frozen=True)
class BeamState:
    """A row for each sentence."""

    sentences_B: Tensor  # int64: places in the batch as given
    limits_B: Tensor  # int64: most tokens, eos counted
    alive_B: Tensor  # bool: whether the search goes on
    scores_BK: Tensor  # float32: log-probabilities, best first; -inf where there is no hypothesis
    tokens_BK: Tensor  # int64: the last tokens
    previous_BK: Tensor  # int64: the rows of the last step that they continue
    coverage_BKS: Tensor  # float32: the attention that each source position has had
    words_BS: Tensor  # bool: the source positions that want attention
    ended_scores_BK: Tensor  # float32: the best hypotheses ended so far, normalised, best first
    ended_log_probs_BK: Tensor  # float32; -inf where there is none yet
    ended_calls_BK: Tensor  # int64: the step each ended at
    ended_rows_BK: Tensor  # int64: and its row there
    ended_counts_B: Tensor  # int64: how many hypotheses have ended

    def select(self, index_B: Tensor) -> Self:
        """The sentences at `index_B`."""
        return type(self)(*(getattr(self, entry.name)[index_B] for entry in fields(self)))


def start_beam(limits_B: Tensor, beam_size: int, words_BS: Tensor) -> BeamState:
    """Each sentence starts from one empty hypothesis; the other places of its beam are free."""
    batch, device = len(limits_B), limits_B.device
    sentences_B = torch.arange(batch, device=device)
    zeros_BK = torch.zeros(batch, beam_size, dtype=torch.int64, device=device)
    none_BK = torch.full((batch, beam_size), -torch.inf, device=device)
    scores_BK = none_BK.clone()
    scores_BK[:, 0] = 0.0
    return BeamState(
        sentences_B=sentences_B,
        limits_B=limits_B,
        alive_B=torch.ones_like(limits_B, dtype=torch.bool),
        scores_BK=scores_BK,
        tokens_BK=zeros_BK + BOS_ID,
        previous_BK=zeros_BK + sentences_B.unsqueeze(1),
        coverage_BKS=torch.zeros(batch, beam_size, words_BS.shape[1], device=device),
        words_BS=words_BS,
        ended_scores_BK=none_BK,
        ended_log_probs_BK=none_BK,
        ended_calls_BK=zeros_BK + 1,
        ended_rows_BK=zeros_BK,
        ended_counts_B=torch.zeros_like(limits_B),
    )


def flatten_beam_dim(values: Tensor) -> Tensor:
    """From (B, K, ...) to rows (B * K, ...)."""
    return values.flatten(0, 1)


def unflatten_beam_dim(values: Tensor, beam_size: int) -> Tensor:
    """From rows (B * K, ...) to (B, K, ...)."""
    return values.view(-1, beam_size, *values.shape[1:])
