"""Multi-head attention of a recurrent decoder.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder state
(the query), N heads, A units of all heads together, D = A / N units of a head.
"""

from torch import Tensor, nn

from attn2seq.model.attention import Attention, attend
from attn2seq.model.fast.deferred import DeferredLinear


class MultiHeadAttention(Attention):
    """Scaled dot products in several projections: section 3.2 in Vaswani et al. 2017, 1706.03762.

    The heads' contexts are projected to one of H units, so that the decoder reads it like any
    other; the weights shown are the heads' mean.
    """

    def __init__(self, query_size: int, enc_size: int, attention_size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = DeferredLinear(query_size, attention_size)
        self.key_value = nn.Linear(enc_size, 2 * attention_size)
        self.joined = DeferredLinear(attention_size, enc_size)

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """Keys and values of all heads, side by side: BS2A."""
        keys_BSA: Tensor = self.key_value(enc_states_BSH)
        return keys_BSA

    def forward(
        self,
        queries_BTQ: Tensor,
        keys_BSA: Tensor,
        enc_states_BSH: Tensor,
        src_mask_BS: Tensor,
        coverage_BS: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Contexts `context_BTH`, and weights `attn_weights_BTS` (float32), the heads' mean."""
        keys, values = keys_BSA.chunk(2, dim=-1)
        queries_nTD = self._split(self.query(queries_BTQ))
        scores_nTS = queries_nTD @ self._split(keys).transpose(1, 2)
        head_mask_nS = src_mask_BS.repeat_interleave(self.heads, dim=0)
        scale = queries_nTD.shape[-1] ** -0.5
        context_nTD, weights_nTS = attend(scores_nTS * scale, self._split(values), head_mask_nS)
        context_BTA = context_nTD.unflatten(0, (-1, self.heads)).transpose(1, 2).flatten(2)
        context_BTH: Tensor = self.joined(context_BTA)
        return context_BTH, weights_nTS.unflatten(0, (-1, self.heads)).mean(1)

    def _split(self, joined_BXA: Tensor) -> Tensor:
        """Of each sentence its heads one after the other: nXD with n = B * N."""
        heads_nXD: Tensor = joined_BXA.unflatten(-1, (self.heads, -1)).transpose(1, 2).flatten(0, 1)
        return heads_nXD
