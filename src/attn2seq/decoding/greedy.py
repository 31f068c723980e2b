"""Greedy search: at each step the most probable token. Sampling grows its hypotheses likewise.

Shapes: B batch, S source positions, R rows at the start, N rows still searched, V vocabulary,
P pieces of the longest prefix.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attn2seq.batching.batch import TokenIds
from attn2seq.decoding.ranking import length_penalties
from attn2seq.decoding.repetition import block_repeated_ngrams_
from attn2seq.decoding.search import (
    E,
    Endings,
    Found,
    S,
    StepModel,
    Trace,
    follow_endings,
    forbid_,
    force_,
    prefix_batch,
    staying,
    token_limits,
)
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID

# From log_probs_NV (-inf where forbidden), the pieces of each row so far (none unless a setting
# asks for them), the rows' numbers at the start, and the step (from 1) to the next tokens and their
# log-probabilities.
Choose = Callable[[Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor]]


def greedy_search(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool = False,
    prefixes: Sequence[TokenIds] | None = None,
) -> list[list[Found]]:
    """One hypothesis for each sentence; of equally probable tokens the one with the lower id.

    `src_lengths_B` counts eos and lies on the CPU. `prefixes` are target ids, one row a sentence,
    with which its hypothesis begins.
    """
    start = start_rows(src_BS, src_lengths_B, settings, prefixes)
    return grow(model, src_BS, src_lengths_B, start, settings, _most_probable, keep_attention)


def _most_probable(
    log_probs_NV: Tensor, said_NP: Tensor, places_N: Tensor, step: int
) -> tuple[Tensor, Tensor]:
    best_N, tokens_N = log_probs_NV.max(dim=-1)
    return tokens_N, best_N


@dataclass(frozen=True)
class Start:
    """What each hypothesis starts from, a row for each."""

    sentences_R: Tensor  # int64: places in the batch
    limits_R: Tensor  # int64: most tokens, eos counted
    prefixes_RP: Tensor  # int64: the pieces it begins with, PAD_ID after them
    nearest: int  # the smallest of the limits, known without asking the device
    longest: int  # the largest


def start_rows(
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    prefixes: Sequence[TokenIds] | None,
    samples: int = 1,
) -> Start:
    """So many rows for each sentence."""
    device = src_BS.device
    prefixes_BP, prefix_lengths_B = prefix_batch(prefixes or [()] * len(src_BS), device)
    limits_B = token_limits(src_lengths_B, settings).maximum(prefix_lengths_B + 1)
    sentences_R = torch.arange(len(src_BS), device=device).repeat_interleave(samples)
    return Start(
        sentences_R=sentences_R,
        limits_R=limits_B.to(device)[sentences_R],
        prefixes_RP=prefixes_BP[sentences_R],
        nearest=int(limits_B.min()),
        longest=int(limits_B.max()),
    )


@torch.inference_mode()
def grow(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    start: Start,
    settings: DecodeSettings,
    choose: Choose,
    keep_attention: bool,
) -> list[list[Found]]:
    """Each row goes on by the token that `choose` takes, until eos."""
    encoded = model.encode(src_BS, src_lengths_B)
    if len(start.sentences_R) > len(src_BS):
        encoded = encoded.select(start.sentences_R)
    device = start.limits_R.device
    state = model.initial_state(encoded)
    trace = Trace()
    places_N = torch.arange(len(start.limits_R), device=device)
    alive_N = torch.ones_like(places_N, dtype=torch.bool)
    limits_N = start.limits_R
    tokens_N, previous_N = torch.full_like(places_N, BOS_ID), places_N
    remembers = settings.no_repeat_ngram_size > 0 or settings.repetition_penalty != 1.0
    said_RT = places_N.new_zeros(len(places_N), start.longest if remembers else 0)
    # Where each hypothesis ends: the call, its row there, and the nats so far.
    calls_R, rows_R = torch.zeros_like(places_N), torch.zeros_like(places_N)
    log_probs_R = torch.zeros(len(places_N), device=device)
    for step in range(1, start.longest + 1):
        log_probs_NV, attn_weights_NS, state = model.decode_step(tokens_N, state, encoded)
        trace.note(tokens_N, previous_N, attn_weights_NS if keep_attention else None)
        said_NP, free_N = said_RT[places_N, : step - 1], None
        if step <= start.prefixes_RP.shape[1]:
            forced_N = start.prefixes_RP[places_N, step - 1]
            force_(log_probs_NV, forced_N)
            free_N = forced_N == PAD_ID
        if settings.no_repeat_ngram_size:
            block_repeated_ngrams_(log_probs_NV, said_NP, settings.no_repeat_ngram_size, free_N)
        forbid_(log_probs_NV, step, limits_N, start.nearest, settings.min_length)
        tokens_N, chosen_N = choose(log_probs_NV, said_NP, places_N, step)
        if remembers:
            said_RT[places_N, step - 1] = tokens_N
        previous_N = torch.arange(len(tokens_N), device=device)
        log_probs_R[places_N] += torch.where(alive_N, chosen_N, 0.0)
        calls_R[places_N] += alive_N.long()
        rows_R[places_N] = torch.where(alive_N, previous_N, rows_R[places_N])
        alive_N = alive_N & (tokens_N != EOS_ID)
        index_N = staying(alive_N, step)
        if index_N is None:
            continue
        if not len(index_N):
            break
        places_N, alive_N, limits_N, tokens_N, previous_N = (
            tensor[index_N] for tensor in (places_N, alive_N, limits_N, tokens_N, previous_N)
        )
        state, encoded = state.select(index_N), encoded.select(index_N)
    scores_R = log_probs_R / length_penalties(settings, start.longest, device)[calls_R]
    endings = Endings(start.sentences_R, calls_R, rows_R, log_probs_R, scores_R)
    return follow_endings(trace, endings, src_lengths_B)
