"""What every search shares: the model it asks, which tokens may come next, what is found.

Shapes: B batch, N rows of a step, V vocabulary, T target positions, S source positions,
P pieces of the longest prefix, or paths followed back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.batching.batch import TokenIds
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID

# Padding and the start are no words. The unknown token stands for text that cannot be written
# down, so a reader is served better by the next best token.
NEVER = (PAD_ID, BOS_ID, UNK_ID)


class Selectable(Protocol):
    """Something with rows along its first dimension."""

    def select(self, index_N: Tensor, /) -> Self:
        """The rows at `index_N`, in that order, repeats allowed."""
        ...


E = TypeVar("E", bound=Selectable)
S = TypeVar("S", bound=Selectable)


class StepModel(Protocol[E, S]):
    """A model that continues target sentences token by token; E: encoded source, S: state."""

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor, /) -> E:
        """The source batch; lengths count eos."""
        ...

    def initial_state(self, encoded: E, /) -> S:
        """The state before the first target token, a row for each of `encoded`."""
        ...

    def decode_step(
        self, tokens_N: Tensor, state: S, encoded: E, /
    ) -> tuple[Tensor, Tensor | None, S]:
        """From the last tokens to `log_probs_NV` (float32), `attn_weights_NS` or None, next state.

        Tokens and state have as many rows for each one of `encoded`, one after the other: the
        hypotheses of a sentence share its source. The log-probabilities are the caller's to
        overwrite.
        """
        ...


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


def prefix_batch(
    prefixes: Sequence[TokenIds], device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Target ids that hypotheses begin with, padded: `prefixes_BP`, and on the CPU `lengths_B`.

    `prefix_batch([[7], [], [8, 9]])` gives rows `7 pad`, `pad pad` and `8 9`, and lengths `1 0 2`.
    """
    lengths_B = torch.tensor([len(ids) for ids in prefixes])
    prefixes_BP = torch.full((len(prefixes), int(lengths_B.max())), PAD_ID)
    for row_P, ids in zip(prefixes_BP, prefixes, strict=True):
        row_P[: len(ids)] = torch.as_tensor(ids)
    return prefixes_BP.to(device), lengths_B


def force_(log_probs_NV: Tensor, forced_N: Tensor) -> None:
    """Give log-probability -inf, in place, to all tokens but `forced_N`; PAD_ID there forces none.

    Their log-probabilities count: a score is still that of the whole hypothesis. It goes before
    what forbids tokens: one that is forbidden cannot be forced.
    """
    forced_N1 = forced_N.unsqueeze(1)
    kept_N1 = log_probs_NV.gather(1, forced_N1)
    log_probs_NV.masked_fill_(forced_N1 != PAD_ID, -torch.inf)
    log_probs_NV.scatter_(1, forced_N1, kept_N1)


@dataclass
class Trace:
    """The way back: which row of which step each token came from, one entry a model call.

    A search whose rows are reordered at every step, and leave as sentences end, would have to
    reorder all it has produced each time. It only notes where each row came from; the few
    hypotheses that are wanted are followed back at the end. N may differ from call to call.
    """

    tokens: list[Tensor] = field(default_factory=list)  # N int64: the tokens read
    previous: list[Tensor] = field(default_factory=list)  # N int64: rows of the call before
    attn_weights: list[Tensor] = field(default_factory=list)  # NS, where they are kept

    def note(self, tokens_N: Tensor, previous_N: Tensor, attn_weights_NS: Tensor | None) -> None:
        """Add a call: what its rows read, where they came from, what they looked at."""
        self.tokens.append(tokens_N)
        self.previous.append(previous_N)
        if attn_weights_NS is not None:
            self.attn_weights.append(attn_weights_NS)

    def follow(self, calls_P: Tensor, rows_P: Tensor) -> tuple[Tensor, Tensor | None]:
        """The hypotheses that ended (with eos) in row `rows_P` of call `calls_P`, counted from 1.

        Gives `tokens_PT`, eos included and PAD_ID after it, and `attn_weights_PTS`, zero after
        it, or None where none were kept.
        """
        paths, longest = len(rows_P), len(self.tokens)
        tokens_PT = torch.full((paths, longest), PAD_ID, device=rows_P.device)
        attn_weights = []
        for call in reversed(range(longest)):
            reached_P = calls_P > call
            # A path that ended earlier has no row here yet: any will do.
            row_P = torch.where(reached_P, rows_P, 0)
            if call:
                tokens_PT[:, call - 1] = torch.where(reached_P, self.tokens[call][row_P], PAD_ID)
            if self.attn_weights:
                attn_weights.append(self.attn_weights[call][row_P] * reached_P.unsqueeze(1))
            rows_P = torch.where(reached_P, self.previous[call][row_P], rows_P)
        tokens_PT.scatter_(1, calls_P.unsqueeze(1) - 1, EOS_ID)
        return tokens_PT, torch.stack(attn_weights[::-1], 1) if attn_weights else None


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
