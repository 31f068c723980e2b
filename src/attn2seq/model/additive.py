"""Additive attention: a small network scores each pair of positions.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder state
(the query), A attention units.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

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
        scores_BTS: Tensor = _Scores.apply(  # type: ignore[no-untyped-call]
            self.query(queries_BTQ), keys_BSA, self.energy_vector()
        )
        return scores_BTS

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


class _Scores(torch.autograd.Function):
    """v . tanh(q + k) of each pair of positions.

    The hidden layer, one vector a pair, is by far the largest tensor of a training step. It is held
    twice at most, where autograd's way over sum, tanh and product would hold it five times.
    """

    @staticmethod
    def forward(ctx: Any, queries_BTA: Tensor, keys_BSA: Tensor, v_A: Tensor) -> Tensor:
        hidden_BTSA = (queries_BTA.unsqueeze(2) + keys_BSA.unsqueeze(1)).tanh_()
        ctx.save_for_backward(hidden_BTSA, v_A)
        return hidden_BTSA @ v_A

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden_BTSA, v_A = ctx.saved_tensors
        grad_v_A = (grad_BTS.reshape(1, -1) @ hidden_BTSA.flatten(0, 2)).squeeze(0)
        one = hidden_BTSA.new_ones(())
        slopes_BTSA = torch.addcmul(one, hidden_BTSA, hidden_BTSA, value=-1)  # of tanh
        slopes_BTSA *= grad_BTS.unsqueeze(3)
        return slopes_BTSA.sum(2) * v_A, slopes_BTSA.sum(1) * v_A, grad_v_A
