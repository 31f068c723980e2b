"""What hypotheses are ranked by: log-probabilities made comparable, and what coverage takes off.

Every further token lowers a log-probability, so raw log-probabilities favour short outputs. A score
is the log-probability divided by a penalty that grows with the length; and less where source words
were left unread.

Shapes: B batch, K beam, N rows of a step, S source positions.
"""

import torch
from torch import Tensor

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError

# A word that no step looked at at all must not make a score infinite.
LEAST_COVERAGE = torch.finfo(torch.float32).tiny


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


def coverage_scores(coverage_BKS: Tensor, words_BS: Tensor, weight: float) -> Tensor:
    """What is added to each hypothesis' score; never above 0.

    cp(X; Y) = weight * sum_i log(min(sum_j p_ij, 1)), Eq. 14 in Wu et al. 2016, arXiv 1609.08144,
    where `coverage_BKS` holds sum_j p_ij, the attention that the steps together gave a source
    position. i runs over `words_BS`, the positions without padding and without eos: nothing of the
    text is lost where the end is not looked at. Coverage (0.5, 2.0) and weight 0.2 give
    0.2 * (log 0.5 + log 1) = -0.139.
    """
    logs_BKS = coverage_BKS.clamp(min=LEAST_COVERAGE, max=1.0).log()
    return weight * logs_BKS.masked_fill(~words_BS.unsqueeze(1), 0.0).sum(dim=-1)


def source_words(src_lengths_B: Tensor, width: int, device: torch.device) -> Tensor:
    """`words_BS`: where the source holds neither padding nor eos, which `src_lengths_B` counts."""
    return torch.arange(width, device=device) < (src_lengths_B.to(device) - 1).unsqueeze(1)


def added_attention(coverage_BKS: Tensor, attn_weights_NS: Tensor | None) -> Tensor:
    """The coverage after one more step. Raises UserError for a model that gives no attention."""
    if attn_weights_NS is None:
        raise UserError(
            "decode.coverage_penalty uses attention weights, but this model has no attention: "
            "set it to 0"
        )
    return coverage_BKS + attn_weights_NS.float().view(coverage_BKS.shape)
