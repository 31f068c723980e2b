"""Beam search: at each step the K most probable unfinished hypotheses are kept.

A hypothesis ends where its eos is among the K best continuations of its sentence. A sentence ends
when K hypotheses have and none alive would score above the best of them if it ended now, or at its
length limit. With K = 1 that is greedy search.

K endings alone are no reason to stop: where a model is sure of each word and the vocabulary is
small, improbable endings stand among the K best from the first step on, and K of them are there
long before the probable hypothesis is complete.

Shapes: B sentences still searched, K beam, N = B * K rows of a step, S source positions (0
where coverage is not asked for), V vocabulary, P pieces of the longest prefix.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from attn2seq.batching.batch import TokenIds
from attn2seq.decoding.candidates import best_continuations, first_best
from attn2seq.decoding.ranking import (
    added_attention,
    coverage_scores,
    length_penalties,
    source_words,
)
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


@dataclass(frozen=True)
class Rules:
    """What stays the same throughout a search."""

    settings: DecodeSettings
    penalties_T: Tensor  # float32: the length penalty of each number of tokens
    early_stop: bool


def beam_search(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool = False,
    prefixes: Sequence[TokenIds] | None = None,
    _early_stop: bool = True,
) -> list[list[Found]]:
    """The `settings.candidates` best hypotheses of each sentence, best score first.

    `src_lengths_B` counts eos and lies on the CPU. `prefixes` are target ids, one row a sentence,
    with which its hypotheses begin. Of equal scores the one that ended first comes first. Eos is
    preferred to an equally probable word, a lower token id to a higher. Raises UserError where
    coverage is asked of a model without attention.
    """
    given = prefixes or [()] * len(src_BS)
    with torch.inference_mode():
        return _search(model, src_BS, src_lengths_B, settings, keep_attention, given, _early_stop)


def _search(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool,
    prefixes: Sequence[TokenIds],
    early_stop: bool,
) -> list[list[Found]]:
    device = src_BS.device
    prefixes_BP, prefix_lengths_B = prefix_batch(prefixes, device)
    limits_B = token_limits(src_lengths_B, settings).maximum(prefix_lengths_B + 1)
    nearest, longest = int(limits_B.min()), int(limits_B.max())
    width = src_BS.shape[1] if settings.coverage_penalty else 0
    words_BS = source_words(src_lengths_B, width, device)
    beam = start_beam(limits_B.to(device), settings.beam_size, words_BS)
    rules = Rules(settings, length_penalties(settings, longest, device), early_stop)
    encoded = model.encode(src_BS, src_lengths_B)
    state = model.initial_state(encoded).select(flatten_beam_dim(beam.previous_BK))
    trace, left = Trace(), []
    said_NP = src_BS.new_zeros(len(src_BS) * settings.beam_size, 0)
    for step in range(1, longest + 1):
        tokens_N, free_N = flatten_beam_dim(beam.tokens_BK), None
        log_probs_NV, attn_weights_NS, state = model.decode_step(tokens_N, state, encoded)
        trace.note(
            tokens_N,
            flatten_beam_dim(beam.previous_BK),
            attn_weights_NS if keep_attention else None,
        )
        if step <= prefixes_BP.shape[1]:
            forced_B = prefixes_BP[beam.sentences_B, step - 1]
            forced_N = forced_B.repeat_interleave(settings.beam_size)
            force_(log_probs_NV, forced_N)
            free_N = forced_N == PAD_ID
        if settings.no_repeat_ngram_size:
            block_repeated_ngrams_(log_probs_NV, said_NP, settings.no_repeat_ngram_size, free_N)
        limits_N = beam.limits_B.repeat_interleave(settings.beam_size)
        forbid_(log_probs_NV, step, limits_N, nearest, settings.min_length)
        if settings.coverage_penalty:
            coverage_BKS = added_attention(beam.coverage_BKS, attn_weights_NS)
            beam = replace(beam, coverage_BKS=coverage_BKS)
        beam = advance(beam, log_probs_NV, step, rules)
        index_B = staying(beam.alive_B, step)
        if index_B is not None:
            left.append(beam.select((~beam.alive_B).nonzero().squeeze(1)))
            if not len(index_B):
                break
            beam = beam.select(index_B)
            encoded = encoded.select(index_B)
        previous_N = flatten_beam_dim(beam.previous_BK)
        state = state.select(previous_N)
        if settings.no_repeat_ngram_size:
            tokens_N1 = flatten_beam_dim(beam.tokens_BK).unsqueeze(1)
            said_NP = torch.cat([said_NP[previous_N], tokens_N1], dim=1)
    else:
        left.append(beam)
    return follow_endings(trace, best_endings(left, settings.candidates), src_lengths_B)


def advance(beam: BeamState, log_probs_NV: Tensor, step: int, rules: Rules) -> BeamState:
    """One step: the best continuations live on, those with eos among them end.

    The early stop: as no token's log-probability is above 0 and no length penalty falls with the
    length, nothing that continues a hypothesis of log-probability s scores above
    s / penalty(limit); what is added for coverage is never above 0 either. Once the n-best ended
    hypotheses score at least that for every live one, the rest of the search cannot change them.

    Without it a search ends, too: where as many hypotheses as the beam has ended, and no live one
    would score above the best of them if it ended now.
    """
    beam_size = beam.scores_BK.shape[1]
    log_probs_BKV = unflatten_beam_dim(log_probs_NV, beam_size)
    ends_BK = beam.scores_BK + log_probs_BKV[:, :, EOS_ID]
    log_probs_BKV[:, :, EOS_ID] = -torch.inf
    scores_BK, parents_BK, tokens_BK = best_continuations(beam.scores_BK, log_probs_BKV, beam_size)
    first_row_B1 = torch.arange(len(scores_BK), device=scores_BK.device).unsqueeze(1) * beam_size
    penalty = rules.penalties_T[step]
    if rules.settings.coverage_penalty:
        covered_BK = coverage_scores(
            beam.coverage_BKS, beam.words_BS, rules.settings.coverage_penalty
        )
        end_scores_BK = ends_BK / penalty + covered_BK
        hopes_BK = scores_BK / penalty + covered_BK.gather(1, parents_BK)
        hope_B = hopes_BK.amax(dim=1)
        parents_BKS = parents_BK.unsqueeze(2).expand(beam.coverage_BKS.shape)
        beam = replace(beam, coverage_BKS=beam.coverage_BKS.gather(1, parents_BKS))
    else:
        end_scores_BK = ends_BK / penalty
        hope_B = scores_BK[:, 0] / penalty
    beam = add_ended(beam, ends_BK, end_scores_BK, scores_BK, first_row_B1, step)
    hopeful_B = hope_B > beam.ended_scores_BK[:, 0]
    full_B = (beam.ended_counts_B >= beam_size) & ~hopeful_B
    alive_B = beam.alive_B & ~full_B & (beam.limits_B > step)
    if rules.early_stop:
        reachable_B = scores_BK[:, 0] / rules.penalties_T[beam.limits_B]
        alive_B = alive_B & (reachable_B > beam.ended_scores_BK[:, rules.settings.candidates - 1])
    return replace(
        beam,
        alive_B=alive_B,
        scores_BK=scores_BK,
        tokens_BK=tokens_BK,
        previous_BK=first_row_B1 + parents_BK,
    )


def add_ended(
    beam: BeamState,
    ends_BK: Tensor,
    end_scores_BK: Tensor,
    scores_BK: Tensor,
    first_row_B1: Tensor,
    step: int,
) -> BeamState:
    """Take in the hypotheses whose eos is among the K best of all continuations.

    `ends_BK` are the log-probabilities with eos and `end_scores_BK` what they are ranked by once
    ended, `scores_BK` the log-probabilities of the best other continuations.
    """
    beam_size = ends_BK.shape[1]
    best_BK = first_best(torch.cat([ends_BK, scores_BK], dim=1), beam_size)
    is_end_BK = (best_BK < beam_size) & beam.alive_B.unsqueeze(1)
    parents_BK = best_BK.clamp(max=beam_size - 1)
    log_probs_BK = ends_BK.gather(1, parents_BK).masked_fill(~is_end_BK, -torch.inf)
    new_scores_BK = end_scores_BK.gather(1, parents_BK).masked_fill(~is_end_BK, -torch.inf)
    all_scores = torch.cat([beam.ended_scores_BK, new_scores_BK], dim=1)
    kept_BK = first_best(all_scores, beam_size)
    all_calls = torch.cat([beam.ended_calls_BK, torch.full_like(parents_BK, step)], dim=1)
    all_rows = torch.cat([beam.ended_rows_BK, first_row_B1 + parents_BK], dim=1)
    all_log_probs = torch.cat([beam.ended_log_probs_BK, log_probs_BK], dim=1)
    return replace(
        beam,
        ended_scores_BK=all_scores.gather(1, kept_BK),
        ended_log_probs_BK=all_log_probs.gather(1, kept_BK),
        ended_calls_BK=all_calls.gather(1, kept_BK),
        ended_rows_BK=all_rows.gather(1, kept_BK),
        ended_counts_B=beam.ended_counts_B + (log_probs_BK > -torch.inf).sum(dim=1),
    )


def best_endings(beams: list[BeamState], nbest: int) -> Endings:
    """The best hypotheses of all sentences, which left the search in several groups."""

    def column(values: list[Tensor]) -> Tensor:
        return torch.cat(values)[:, :nbest].flatten()

    return Endings(
        sentences_P=torch.cat([beam.sentences_B for beam in beams]).repeat_interleave(nbest),
        calls_P=column([beam.ended_calls_BK for beam in beams]),
        rows_P=column([beam.ended_rows_BK for beam in beams]),
        log_probs_P=column([beam.ended_log_probs_BK for beam in beams]),
        scores_P=column([beam.ended_scores_BK for beam in beams]),
    )


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
