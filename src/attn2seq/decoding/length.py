"""Length normalisation: how hypotheses of unlike lengths are compared.

Every further token lowers a log-probability, so raw log-probabilities favour short outputs.
A score is the log-probability divided by a penalty that grows with the length.
"""

import torch
from torch import Tensor

from attn2seq.decoding.settings import DecodeSettings


def length_penalty(settings: DecodeSettings, tokens: int) -> float:
    """What the log-probability of a hypothesis of so many tokens (eos counted) is divided by.

    `wu` is lp(Y) = ((5 + |Y|) / 6)^alpha, Eq. 14 in Wu et al. 2016, arXiv 1609.08144: with alpha
    1, 7 tokens give 12 / 6 = 2. `average` is |Y|, `none` 1. No kind falls as the length grows.
    """
    match settings.length_normalisation:
        case "none":
            return 1.0
        case "average":
            return float(tokens)
        case "wu":
            return float(((5 + tokens) / 6) ** settings.length_alpha)


def length_penalties(
    settings: DecodeSettings, longest: int, device: torch.device | str = "cpu"
) -> Tensor:
    """The penalties of 0 to `longest` tokens (float32); that of no tokens is never used."""
    values = [1.0] + [length_penalty(settings, tokens) for tokens in range(1, longest + 1)]
    return torch.tensor(values, dtype=torch.float32, device=device)
