"""What every search shares: which tokens may come next, when a batch shrinks, what is found.

Shapes: B batch, N rows of a step, V vocabulary, T target positions, S source positions.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.trace import Trace
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID

# Padding and the start are no words. The unknown token stands for text that cannot be written
# down, so a reader is served better by the next best token.
NEVER = (PAD_ID, BOS_ID, UNK_ID)


@dataclass(frozen=True)
class Found:
    """A hypothesis of one source sentence."""

    tokens: list[int]  # eos last
    log_prob: float  # nats, the sum over the tokens
    score: float  # log_prob divided by the length penalty
    attn_weights_TS: NDArray[np.float32] | None  # None where not kept or without attention


def token_limits(src_lengths_B: Tensor, settings: DecodeSettings) -> Tensor:
    """The most tokens of a hypothesis, eos counted; `src_lengths_B` counts eos too.

    Factor 1.5 and offset 10 allow a source of 7 pieces floor(10.5) + 10 pieces and eos: 21.
    """
    pieces_B = (src_lengths_B - 1).double()
    most_B = (pieces_B * settings.max_length_factor).floor().long() + settings.max_length_offset
    return most_B.clamp(min=settings.min_length) + 1


def forbid_(
    log_probs_NV: Tensor, step: int, limits_N: Tensor, nearest_limit: int, min_length: int
) -> None:
    """Give log-probability -inf, in place, to tokens that may not be number `step` (from 1).

    Hypotheses below the minimum cannot end, those at their limit can only end: a limit makes a
    hypothesis shorter, never a fragment, and its log-probability remains that of the whole.
    `nearest_limit` is the smallest of all limits: up to there, the second rule costs nothing.
    """
    for token in (*NEVER, EOS_ID) if step <= min_length else NEVER:
        log_probs_NV[:, token] = -torch.inf
    if step >= nearest_limit:
        ending = log_probs_NV[:, EOS_ID].clone()
        log_probs_NV.masked_fill_((limits_N == step).unsqueeze(1), -torch.inf)
        log_probs_NV[:, EOS_ID] = ending


def staying(alive_B: Tensor, step: int) -> Tensor | None:
    """Indices of the sentences still searched; None where it does not pay to let others leave.

    Leaving copies the batch, so an eighth must go. To know it, a GPU has to be waited for: there
    it is asked at every eighth step. Sentences that have ended and stay change nothing.
    """
    if alive_B.is_cuda and step % 8:
        return None
    index = alive_B.nonzero().squeeze(1)
    return None if len(index) > len(alive_B) * 7 / 8 else index


@dataclass(frozen=True)
class Endings:
    """Where P hypotheses ended in a trace, and their sums."""

    sentences_P: Tensor  # int64: places in the batch; of each sentence the best first
    calls_P: Tensor  # int64, counted from 1: also the number of tokens
    rows_P: Tensor  # int64
    log_probs_P: Tensor  # float32; -inf where there is no hypothesis
    scores_P: Tensor  # float32


def follow_endings(trace: Trace, endings: Endings, src_lengths_B: Tensor) -> list[list[Found]]:
    """The hypotheses of each sentence, brought to the host at once.

    A sentence has none where the model gives every hypothesis probability zero, or no number.
    """
    tokens_PT, attn_weights_PTS = trace.follow(endings.calls_P, endings.rows_P)
    weights = None if attn_weights_PTS is None else attn_weights_PTS.float().cpu().numpy()
    tokens, sentences, lengths = (
        tensor.tolist() for tensor in (tokens_PT, endings.sentences_P, endings.calls_P)
    )
    log_probs, scores = endings.log_probs_P.tolist(), endings.scores_P.tolist()
    src_lengths = src_lengths_B.tolist()
    found: list[list[Found]] = [[] for _ in src_lengths]
    for path, sentence in enumerate(sentences):
        if not math.isfinite(log_probs[path]):
            continue
        length = lengths[path]
        attn = None if weights is None else weights[path, :length, : src_lengths[sentence]]
        found[sentence].append(Found(tokens[path][:length], log_probs[path], scores[path], attn))
    return found
