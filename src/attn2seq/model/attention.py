"""Attention: how much each source position matters to a target position.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder output
(the query), A attention units (the keys).
"""

import torch
from torch import Tensor, nn

from attn2seq.model.settings import ModelSettings


class AdditiveAttention(nn.Module):
    """score(q, h) = v . tanh(W q + U h): section A.1.2 in Bahdanau et al. 2015, arXiv 1409.0473.

    Luong et al. 2015 call the same function "concat".
    """

    def __init__(self, query_size: int, enc_size: int, attention_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, attention_size, bias=False)
        self.key = nn.Linear(enc_size, attention_size)
        self.energy = nn.Linear(attention_size, 1, bias=False)

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """U h, which no decoder step changes."""
        keys_BSA: Tensor = self.key(enc_states_BSH)
        return keys_BSA

    def scores(self, queries_BTQ: Tensor, keys_BSA: Tensor) -> Tensor:
        """Unnormalised scores, BTS."""
        hidden_BTSA = torch.tanh(self.query(queries_BTQ).unsqueeze(2) + keys_BSA.unsqueeze(1))
        scores_BTS: Tensor = self.energy(hidden_BTSA).squeeze(-1)
        return scores_BTS


class DotAttention(nn.Module):
    """score(q, h) = q . h: Eq. 8 ("dot") in Luong et al. 2015, arXiv 1508.04025."""

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """The encoder states themselves."""
        return enc_states_BSH

    def scores(self, queries_BTQ: Tensor, keys_BSA: Tensor) -> Tensor:
        """Unnormalised scores, BTS."""
        return queries_BTQ @ keys_BSA.transpose(1, 2)


class GeneralAttention(nn.Module):
    """score(q, h) = q . W h: Eq. 8 ("general") in Luong et al. 2015, arXiv 1508.04025."""

    def __init__(self, query_size: int, enc_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(enc_size, query_size, bias=False)

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """W h, which no decoder step changes."""
        keys_BSA: Tensor = self.key(enc_states_BSH)
        return keys_BSA

    def scores(self, queries_BTQ: Tensor, keys_BSA: Tensor) -> Tensor:
        """Unnormalised scores, BTS."""
        return queries_BTQ @ keys_BSA.transpose(1, 2)


Attention = AdditiveAttention | DotAttention | GeneralAttention


def make_attention(settings: ModelSettings) -> Attention | None:
    """The attention that the settings name; None for an encoder-decoder without."""
    query_size, enc_size = settings.decoder_hidden_size, settings.enc_size
    match settings.attention:
        case "additive":
            return AdditiveAttention(query_size, enc_size, settings.attention_size)
        case "dot":
            return DotAttention()
        case "general":
            return GeneralAttention(query_size, enc_size)
        case "none":
            return None


def attend(
    scores_BTS: Tensor, enc_states_BSH: Tensor, src_mask_BS: Tensor
) -> tuple[Tensor, Tensor]:
    """Contexts `context_BTH` and weights `attn_weights_BTS` (float32, rows summing to 1).

    Padded source positions get weight zero. The softmax runs in float32 whatever the model's
    number type.
    """
    masked = scores_BTS.float().masked_fill(~src_mask_BS.unsqueeze(1), float("-inf"))
    attn_weights_BTS = torch.softmax(masked, dim=-1)
    return attn_weights_BTS.to(enc_states_BSH.dtype) @ enc_states_BSH, attn_weights_BTS
