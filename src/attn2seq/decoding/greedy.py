"""Greedy search: at each step the most probable token.

Shapes: B batch, S source positions, N sentences still searched, V vocabulary.
"""

import torch
from torch import Tensor

from attn2seq.decoding.length import length_penalties
from attn2seq.decoding.search import (
    Endings,
    Found,
    follow_endings,
    forbid_,
    staying,
    token_limits,
)
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.step_model import E, S, StepModel
from attn2seq.decoding.trace import Trace
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID


def greedy_search(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool = False,
) -> list[list[Found]]:
    """One hypothesis for each sentence; of equally probable tokens the one with the lower id.

    `src_lengths_B` counts eos and lies on the CPU.
    """
    with torch.inference_mode():
        return _search(model, src_BS, src_lengths_B, settings, keep_attention)


def _search(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool,
) -> list[list[Found]]:
    device = src_BS.device
    host_limits_B = token_limits(src_lengths_B, settings)
    nearest, longest = int(host_limits_B.min()), int(host_limits_B.max())
    encoded = model.encode(src_BS, src_lengths_B)
    state = model.initial_state(encoded)
    trace = Trace()
    sentences_N = torch.arange(len(src_BS), device=device)
    alive_N = torch.ones_like(sentences_N, dtype=torch.bool)
    limits_N = host_limits_B.to(device)
    tokens_N, previous_N = torch.full_like(sentences_N, BOS_ID), sentences_N
    # Where each sentence ends: the call, its row there, and the nats so far.
    calls_B, rows_B = torch.zeros_like(sentences_N), torch.zeros_like(sentences_N)
    log_probs_B = torch.zeros(len(src_BS), device=device)
    for step in range(1, longest + 1):
        log_probs_NV, attn_weights_NS, state = model.decode_step(tokens_N, state, encoded)
        trace.note(tokens_N, previous_N, attn_weights_NS if keep_attention else None)
        forbid_(log_probs_NV, step, limits_N, nearest, settings.min_length)
        best_N, tokens_N = log_probs_NV.max(dim=-1)
        previous_N = torch.arange(len(tokens_N), device=device)
        log_probs_B[sentences_N] += torch.where(alive_N, best_N, 0.0)
        calls_B[sentences_N] += alive_N.long()
        rows_B[sentences_N] = torch.where(alive_N, previous_N, rows_B[sentences_N])
        alive_N = alive_N & (tokens_N != EOS_ID)
        index_N = staying(alive_N, step)
        if index_N is None:
            continue
        if not len(index_N):
            break
        sentences_N, alive_N, limits_N, tokens_N, previous_N = (
            tensor[index_N] for tensor in (sentences_N, alive_N, limits_N, tokens_N, previous_N)
        )
        state, encoded = state.select(index_N), encoded.select(index_N)
    scores_B = log_probs_B / length_penalties(settings, longest, device)[calls_B]
    sentences_B = torch.arange(len(src_BS), device=device)
    endings = Endings(sentences_B, calls_B, rows_B, log_probs_B, scores_B)
    return follow_endings(trace, endings, src_lengths_B)
