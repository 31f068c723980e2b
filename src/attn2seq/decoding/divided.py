"""Hypotheses that several processes found, put together."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from attn2seq.decoding.translation import Hypothesis
from attn2seq.distributed.ranks import Ranks


def of_all(own: Mapping[int, list[Hypothesis]], ranks: Ranks) -> dict[int, list[Hypothesis]]:
    """The hypotheses of all processes, by the place of their source, in each of them."""
    if ranks.count == 1:
        return dict(own)
    sent = {place: [_plain(one) for one in hypotheses] for place, hypotheses in own.items()}
    return {
        place: [_hypothesis(*one) for one in hypotheses]
        for received in ranks.from_each(sent)
        for place, hypotheses in received.items()
    }


def _plain(one: Hypothesis) -> tuple[Any, ...]:
    """As plain data and a tensor: nothing of it can run code where it is read."""
    weights = one.attn_weights_TS
    tensor = None if weights is None else torch.from_numpy(weights)
    return one.text, one.score, one.log_prob, one.tokens, list(one.pieces), tensor


def _hypothesis(
    text: str,
    score: float,
    log_prob: float,
    tokens: int,
    pieces: Sequence[str],
    weights_TS: torch.Tensor | None,
) -> Hypothesis:
    return Hypothesis(
        text=text,
        score=score,
        log_prob=log_prob,
        tokens=tokens,
        pieces=tuple(pieces),
        attn_weights_TS=None if weights_TS is None else weights_TS.numpy(),
    )
