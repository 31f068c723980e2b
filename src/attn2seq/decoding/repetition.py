"""What keeps a hypothesis from repeating itself.

Shapes: N rows of a step, V vocabulary, P pieces said before, G the length of an n-gram.
"""

import torch
from torch import Tensor


def block_repeated_ngrams_(
    log_probs_NV: Tensor, said_NP: Tensor, size: int, free_N: Tensor | None = None
) -> None:
    """Give log-probability -inf, in place, to pieces that would repeat an n-gram of `size` pieces.

    So no trigram stands twice in a text, say (Paulus et al. 2018, arXiv 1705.04304, section 2.5).
    `said_NP` are the pieces of each row so far. Only rows where `free_N` is true are held to it.
    """
    overlap, said = size - 1, said_NP.shape[1]
    if said < size:
        return
    following_NG = said_NP[:, overlap:]
    if overlap:
        earlier = said_NP.unfold(1, overlap, 1)[:, :-1]
        repeats_NG = (earlier == said_NP[:, None, said - overlap :]).all(dim=-1)
    else:
        repeats_NG = torch.ones_like(following_NG, dtype=torch.bool)
    if free_N is not None:
        repeats_NG &= free_N.unsqueeze(1)
    # Added, not set: the same piece may have followed where it repeats and where it does not.
    cost_NG = torch.where(repeats_NG, -torch.inf, 0.0).to(log_probs_NV.dtype)
    log_probs_NV.scatter_add_(1, following_NG, cost_NG)


def penalise_said(log_probs_NV: Tensor, said_NP: Tensor, penalty: float) -> Tensor:
    """The log-probabilities, those of pieces already said multiplied by `penalty`.

    Above 1 it makes a piece less probable each time it could come again, however often it came
    (Keskar et al. 2019, arXiv 1909.05858, section 4.1, who divide logits).
    """
    if not said_NP.shape[1]:
        return log_probs_NV
    said_NV = torch.zeros_like(log_probs_NV, dtype=torch.bool).scatter_(1, said_NP, True)
    return torch.where(said_NV, log_probs_NV * penalty, log_probs_NV)
