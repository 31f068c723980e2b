"""Minimum Bayes risk: of a sentence's candidates the one most like what the model would say.

The score of candidate h is its expected utility, sum_r p(r) u(h, r): how alike it is on average to
the candidates r, itself among them: sentence chrF or BLEU of sacreBLEU. Scoring pair by pair would
count the n-grams of each text again for each other text; here they are counted once, and a pair's
common n-grams follow from two rows of counts.

Shapes: H hypotheses, which are references to each other, G distinct n-grams.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sacrebleu.metrics import BLEU

CHRF_ORDER, CHRF_BETA = 6, 2
BLEU_ORDER = 4

Numbers = NDArray[np.float64]


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


def utilities(metric: str, texts: Sequence[str]) -> Numbers:
    """`utilities_HH[h, r]`: the score, 0 to 100, of text h where text r is the reference.

    `chrf` or `bleu`. Equal to sacreBLEU's sentence scores with their default settings, BLEU with
    effective n-gram order. BLEU's words are those of its tokeniser 13a: where words are written
    without spaces between them, chrF is the better choice.
    """
    return _chrf(texts) if metric == "chrf" else _bleu(texts)


def _chrf(texts: Sequence[str]) -> Numbers:
    """chrF2 (Popović 2015): F of the n-gram precisions' and recalls' means over the orders.

    An order that one of the two texts is too short for does not count.
    """
    units = ["".join(text.split()) for text in texts]
    size = len(texts)
    precisions_HH, recalls_HH, orders_HH = (np.zeros((size, size)) for _ in range(3))
    for order in range(1, CHRF_ORDER + 1):
        common_HH, totals_H = _common_ngrams(units, order)
        both_HH = (totals_H[:, None] > 0) & (totals_H[None, :] > 0)
        least_H = np.maximum(totals_H, 1)
        precisions_HH += common_HH / least_H[:, None]
        recalls_HH += common_HH / least_H[None, :]
        orders_HH += both_HH
    precisions_HH /= np.maximum(orders_HH, 1)
    recalls_HH /= np.maximum(orders_HH, 1)
    weighted_HH = CHRF_BETA**2 * precisions_HH + recalls_HH
    products_HH = (1 + CHRF_BETA**2) * precisions_HH * recalls_HH
    return 100 * products_HH / np.where(weighted_HH > 0, weighted_HH, 1.0)


def _bleu(texts: Sequence[str]) -> Numbers:
    metric = _bleu_metric()
    words = [metric.tokenizer(text.rstrip()).split() for text in texts]
    counted = [_common_ngrams(words, order) for order in range(1, BLEU_ORDER + 1)]
    size = len(texts)
    scores_HH = np.zeros((size, size))
    for h in range(size):
        total = [int(totals_H[h]) for _, totals_H in counted]
        for r in range(size):
            scores_HH[h, r] = metric.compute_bleu(
                correct=[int(common_HH[h, r]) for common_HH, _ in counted],
                total=total,
                sys_len=len(words[h]),
                ref_len=len(words[r]),
                smooth_method=metric.smooth_method,
                effective_order=True,
            ).score
    return scores_HH


@cache
def _bleu_metric() -> "BLEU":
    # Only now: most searches choose by probability, and need not wait for it.
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize="13a", effective_order=True)


def _common_ngrams(
    sequences: Sequence[Sequence[str]], order: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`common_HH`, the n-grams that two sequences share, and `totals_H`, those of each.

    An n-gram counts as often as it stands in both: "aab" and "aaa" share two letters.
    """
    counters = [
        Counter(
            tuple(sequence[start : start + order]) for start in range(len(sequence) - order + 1)
        )
        for sequence in sequences
    ]
    columns = {ngram: place for place, ngram in enumerate(dict.fromkeys(_keys(counters)))}
    counts_HG = np.zeros((len(sequences), len(columns)), dtype=np.int64)
    for row_G, counter in zip(counts_HG, counters, strict=True):
        row_G[[columns[ngram] for ngram in counter]] = list(counter.values())
    common_HH = np.stack([np.minimum(row_G, counts_HG).sum(axis=1) for row_G in counts_HG])
    return common_HH, counts_HG.sum(axis=1)


def _keys(counters: Sequence[Counter[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    return [ngram for counter in counters for ngram in counter]
