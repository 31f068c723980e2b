"""Attention: how much each source position matters to a target position.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder state
(the query), A attention units (the keys).
"""

import torch
from torch import Tensor, nn

from attn2seq.model.fast.deferred import DeferredLinear


class Attention(nn.Module):
    """One score for each pair of a target and a source position, and a softmax over the source.

    A kind of attention says how it scores; the rest is the same for all but multi-head.
    """

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """What the scores need of the source, and no decoder step changes: `keys_BSA`."""
        return enc_states_BSH

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS. `coverage_BS`: how much each position was looked at so far."""
        raise NotImplementedError

    def forward(
        self,
        queries_BTQ: Tensor,
        keys_BSA: Tensor,
        enc_states_BSH: Tensor,
        src_mask_BS: Tensor,
        coverage_BS: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Contexts `context_BTH` and weights `attn_weights_BTS`, as `attend` gives them."""
        return attend(self.scores(queries_BTQ, keys_BSA, coverage_BS), enc_states_BSH, src_mask_BS)


class DotAttention(Attention):
    """score(q, h) = q . h: Eq. 8 ("dot") in Luong et al. 2015, arXiv 1508.04025."""

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS."""
        return queries_BTQ @ keys_BSA.transpose(1, 2)


class GeneralAttention(DotAttention):
    """score(q, h) = q . W h: Eq. 8 ("general") in Luong et al. 2015, arXiv 1508.04025."""

    def __init__(self, query_size: int, enc_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(enc_size, query_size, bias=False)

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """W h."""
        keys_BSA: Tensor = self.key(enc_states_BSH)
        return keys_BSA


class LocationAttention(Attention):
    """Scores W q + b, one for each place in the source: Luong et al. 2015, section 3.1.

    What stands at a place is not looked at. Places from `positions` on have no score and so no
    weight.
    """

    def __init__(self, query_size: int, positions: int) -> None:
        super().__init__()
        self.place = DeferredLinear(query_size, positions)

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS; -inf where the network has none."""
        scores_BTP: Tensor = self.place(queries_BTQ)
        missing = keys_BSA.shape[1] - scores_BTP.shape[2]
        # A negative pad cuts what lies behind the source's end.
        return nn.functional.pad(scores_BTP, (0, missing), value=float("-inf"))


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
