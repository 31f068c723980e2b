"""Minimum Bayes risk: of a sentence's candidates the one most like what the model would say.

The score of candidate h is its expected utility, sum_r p(r) u(h, r): how alike it is on average to
the candidates r, itself among them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from attn2seq.decoding.utility import utilities


@dataclass(frozen=True)
class Ranked:
    """A candidate by its place among those given, and its expected utility, 0 to 100."""

    place: int
    utility: float


def rank(metric: str, texts: Sequence[str], weights: Sequence[float]) -> list[Ranked]:
    """The distinct texts, best expected utility first, of equal ones the earlier first.

    `weights` sum to 1; equal texts count together, and stand for their first.
    """
    first = {text: texts.index(text) for text in dict.fromkeys(texts)}
    shares = dict.fromkeys(first, 0.0)
    for text, weight in zip(texts, weights, strict=True):
        shares[text] += weight
    rows = utilities(metric, list(first)).tolist()
    ranked = [
        Ranked(place, math.fsum(u * p for u, p in zip(row, shares.values(), strict=True)))
        for place, row in zip(first.values(), rows, strict=True)
    ]
    return sorted(ranked, key=lambda one: (-one.utility, one.place))


def sample_weights(count: int) -> list[float]:
    """Samples stand for the model's distribution as they are, so each weighs as much as another.

    Eikema and Aziz 2020, arXiv 2005.10283, Eq. 7.
    """
    return [1 / count] * count


def nbest_weights(log_probs: Sequence[float]) -> list[float]:
    """An n-best list holds each text once: its weight is its probability, made to sum to 1.

    Kumar and Byrne 2004, section 4 (posterior probabilities over an N-best list).
    """
    most = max(log_probs)
    parts = [math.exp(log_prob - most) for log_prob in log_probs]
    whole = math.fsum(parts)
    return [part / whole for part in parts]
