"""Additive attention: a small network scores each pair of positions.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder state
(the query), A attention units.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from attn2seq.model.attention import Attention
from attn2seq.model.device import for_device
from attn2seq.model.fast.deferred import DeferredLinear

# Units of the hidden layer at once. On a CPU 32 MiB of bfloat16: taking more memory for a rare
# large batch costs more, in page faults, than making its layer twice.
HELD = {"cpu": 2**24, "cuda": 2**29}


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
        """2 (U h + b): doubled here, once, for what `_Scores` makes of it at each step."""
        keys_BSA: Tensor = 2 * self.key(enc_states_BSH)
        return keys_BSA

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS."""
        if self.coverage is not None and coverage_BS is not None:
            keys_BSA = keys_BSA + 2 * self.coverage(coverage_BS.unsqueeze(-1).to(keys_BSA.dtype))
        scores_BTS: Tensor = _Scores.apply(  # type: ignore[no-untyped-call]
            2 * self.query(queries_BTQ), keys_BSA, self.energy_vector()
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
    """v . tanh((q + k) / 2) of each pair of positions: of queries and keys that were doubled.

    With tanh(x / 2) = 2 sigmoid(x) - 1: torch takes less than half the time for a sigmoid on a CPU.
    The hidden layer, one vector a pair, is by far the largest tensor of a training step. Up to
    `HELD` units it is kept for the backward pass; beyond, some sentences at a time have theirs,
    which is made once more for the gradient.
    """

    @staticmethod
    def forward(ctx: Any, queries_BTA: Tensor, keys_BSA: Tensor, v_A: Tensor) -> Tensor:
        parts = _parts(queries_BTA, keys_BSA)
        scores = []
        for queries_CTA, keys_CSA in parts:
            hidden_CTSA = _hidden(queries_CTA, keys_CSA)
            scores.append(hidden_CTSA @ v_A)
        kept = hidden_CTSA if len(parts) == 1 else None
        ctx.save_for_backward(queries_BTA, keys_BSA, v_A, kept)
        return 2 * _joined(scores) - v_A.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries_BTA, keys_BSA, v_A, kept = ctx.saved_tensors
        parts = _parts(queries_BTA, keys_BSA)
        products_A, of_queries, of_keys = torch.zeros_like(v_A), [], []
        grads = grad_BTS.split(len(parts[0][0]))
        for (queries_CTA, keys_CSA), grad_CTS in zip(parts, grads, strict=True):
            hidden_CTSA = _hidden(queries_CTA, keys_CSA) if kept is None else kept
            products_A += (grad_CTS.reshape(1, -1) @ hidden_CTSA.flatten(0, 2)).squeeze(0)
            slopes_CTSA = torch.addcmul(hidden_CTSA, hidden_CTSA, hidden_CTSA, value=-1)
            slopes_CTSA *= grad_CTS.unsqueeze(3)
            of_queries.append(slopes_CTSA.sum(2))
            # A sum over the one position of a step would copy the largest tensor of that step.
            of_keys.append(slopes_CTSA.sum(1) if len(slopes_CTSA[0]) > 1 else slopes_CTSA[:, 0])
        grad_v_A, two_v_A = 2 * products_A - grad_BTS.sum(), 2 * v_A
        return _joined(of_queries).mul_(two_v_A), _joined(of_keys).mul_(two_v_A), grad_v_A


def _hidden(queries_CTA: Tensor, keys_CSA: Tensor) -> Tensor:
    """sigmoid(q + k) of each pair, CTSA."""
    return (queries_CTA.unsqueeze(2) + keys_CSA.unsqueeze(1)).sigmoid_()


def _joined(parts: list[Tensor]) -> Tensor:
    """All sentences; without a copy where they are in one part."""
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _parts(queries_BTA: Tensor, keys_BSA: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The queries and keys of as many sentences as may have their hidden layer at once."""
    of_a_sentence = queries_BTA.shape[1] * keys_BSA.shape[1] * keys_BSA.shape[2]
    sentences = max(1, for_device(HELD, queries_BTA.device) // max(1, of_a_sentence))
    return list(zip(queries_BTA.split(sentences), keys_BSA.split(sentences), strict=True))
