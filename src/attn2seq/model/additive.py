"""Additive attention: a small network scores each pair of positions.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder state
(the query), A attention units.
"""

import torch
from torch import Tensor, nn

from attn2seq.model.attention import Attention
from attn2seq.model.deferred import DeferredLinear


class AdditiveAttention(Attention):
    """score(q, h) = v . tanh(W q + U h + b): section A.1.2 in Bahdanau et al. 2015, 1409.0473.

    Luong et al. 2015 call the same function "concat", of the decoder state after the step instead
    of the one before. With coverage c, how much a position was looked at so far, w c is added
    inside the tanh: Eq. 11 in See et al. 2017, arXiv 1704.04368.
    """

    def __init__(
        self, query_size: int, enc_size: int, attention_size: int, coverage: bool = False
    ) -> None:
        super().__init__()
        self.query = DeferredLinear(query_size, attention_size, bias=False)
        self.key = nn.Linear(enc_size, attention_size)
        self.energy = nn.Linear(attention_size, 1, bias=False)
        self.coverage = nn.Linear(1, attention_size, bias=False) if coverage else None
        if self.coverage is not None:
            # Torch's start for a layer of one input would drown the scores.
            nn.init.zeros_(self.coverage.weight)

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """U h + b."""
        keys_BSA: Tensor = self.key(enc_states_BSH)
        return keys_BSA

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS."""
        if self.coverage is not None and coverage_BS is not None:
            keys_BSA = keys_BSA + self.coverage(coverage_BS.unsqueeze(-1).to(keys_BSA.dtype))
        hidden_BTSA = torch.tanh(self.query(queries_BTQ).unsqueeze(2) + keys_BSA.unsqueeze(1))
        return hidden_BTSA @ self.energy_vector()

    def energy_vector(self) -> Tensor:
        """The vector v."""
        return self.energy.weight.squeeze(0)


class NormalisedAdditiveAttention(AdditiveAttention):
    """score(q, h) = g v / |v| . tanh(W q + U h + b), with a scalar g learnt apart from v.

    Weight normalisation of the score (Salimans and Kingma 2016), as GNMT's successors use it. They
    start g at sqrt(1 / A); here it starts at |v|, so that the score starts as the plain one.
    """

    def __init__(
        self, query_size: int, enc_size: int, attention_size: int, coverage: bool = False
    ) -> None:
        super().__init__(query_size, enc_size, attention_size, coverage)
        self.gain = nn.Parameter(self.energy.weight.detach().norm())

    def energy_vector(self) -> Tensor:
        """The vector g v / |v|; the norm is taken in float32."""
        direction_A = nn.functional.normalize(self.energy.weight.squeeze(0).float(), dim=0)
        return (self.gain.float() * direction_A).to(self.energy.weight.dtype)
