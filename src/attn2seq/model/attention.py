"""Attention: how much each source position matters to a target position.

Shapes: B batch, S source positions, T target positions, H encoder state, Q decoder state
(the query), A attention units (the keys); of multi-head attention N heads, D = A / N units of one.

A search asks with K hypotheses of each source. They need no keys of their own: a position's
attention depends on no other position, so K hypotheses at one position are as K positions of one
target, `side_by_side`.
"""

import torch
from torch import Tensor, nn

from attn2seq.model.fast.additive_scores import additive_scores_on_cpu
from attn2seq.model.fast.deferred import DeferredLinear
from attn2seq.model.settings import ModelSettings


class Attention(nn.Module):
    """One score for each pair of a target and a source position, and a softmax over the source.

    A kind of attention says how it scores; the rest is the same for all but multi-head.
    """

    def keys(self, enc_states_BSH: Tensor) -> Tensor:
        """What the scores need of the source, and no decoder step changes: `keys_BSA`."""
        return enc_states_BSH

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BTS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS. `coverage_BTS`: how much each query's target has looked at each
        source position so far.
        """
        raise NotImplementedError

    def forward(
        self,
        queries_BTQ: Tensor,
        keys_BSA: Tensor,
        enc_states_BSH: Tensor,
        src_mask_BS: Tensor,
        coverage_BTS: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Contexts `context_BTH` and weights `attn_weights_BTS`, as `attend` gives them."""
        return attend(self.scores(queries_BTQ, keys_BSA, coverage_BTS), enc_states_BSH, src_mask_BS)


class DotAttention(Attention):
    """score(q, h) = q . h: Eq. 8 ("dot") in Luong et al. 2015, arXiv 1508.04025."""

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BTS: Tensor | None = None
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
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BTS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS."""
        scores = additive_scores_on_cpu if keys_BSA.device.type == "cpu" else additive_scores
        queries_BTA = self.query(queries_BTQ)
        if not self.remembers or coverage_BTS is None:
            return scores(queries_BTA, keys_BSA, self.energy_vector())
        covered_BTSA = self.of_earlier(coverage_BTS.to(keys_BSA.dtype))
        # Each query has keys of its own, as if it were a sentence.
        keys_nSA = (keys_BSA.unsqueeze(1) + covered_BTSA).flatten(0, 1)
        scores_n1S = scores(queries_BTA.flatten(0, 1).unsqueeze(1), keys_nSA, self.energy_vector())
        return scores_n1S.reshape(coverage_BTS.shape)

    @property
    def remembers(self) -> bool:
        """Whether a score depends on where attention was before."""
        return self.coverage is not None

    def of_earlier(self, coverage_BTS: Tensor) -> Tensor:
        """What earlier attention adds inside the tanh: w c, BTSA."""
        assert self.coverage is not None
        covered_BTSA: Tensor = self.coverage(coverage_BTS.unsqueeze(-1))
        return covered_BTSA

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


class LocationAwareAttention(AdditiveAttention):
    """score(q, h_j) = v . tanh(W q + V h_j + U f_j + b), where f = F * a of the step before.

    Eq. 8 and 9 in Chorowski et al. 2015, arXiv 1506.07503: filters F over the weights a that the
    last step gave, so that attention can go on from where it was; for speech, where much sounds
    alike. Before the first step all weights are zero.
    """

    # The paper has 10 filters of 201 frames; four frames make a position.
    FILTERS, WIDTH = 10, 51

    def __init__(self, query_size: int, enc_size: int, attention_size: int) -> None:
        super().__init__(query_size, enc_size, attention_size)
        self.filters = nn.Conv1d(1, self.FILTERS, self.WIDTH, padding=self.WIDTH // 2, bias=False)
        self.location = nn.Linear(self.FILTERS, attention_size, bias=False)

    @property
    def remembers(self) -> bool:
        """Whether a score depends on where attention was before."""
        return True

    def of_earlier(self, coverage_BTS: Tensor) -> Tensor:
        """What the weights of the step before add inside the tanh: U f, BTSA."""
        features_nKS = self.filters(coverage_BTS.flatten(0, 1).unsqueeze(1))
        added_nSA = self.location(features_nKS.transpose(1, 2))
        added_BTSA: Tensor = added_nSA.unflatten(0, coverage_BTS.shape[:2])
        return added_BTSA


def additive_scores(queries_BTA: Tensor, keys_BSA: Tensor, v_A: Tensor) -> Tensor:
    """v . tanh(q + k) of each pair of positions, BTS."""
    return torch.tanh(queries_BTA.unsqueeze(2) + keys_BSA.unsqueeze(1)) @ v_A


class LocationAttention(Attention):
    """Scores W q + b, one for each place in the source: Luong et al. 2015, section 3.1.

    What stands at a place is not looked at. Places from `positions` on have no score and so no
    weight.
    """

    def __init__(self, query_size: int, positions: int) -> None:
        super().__init__()
        self.place = DeferredLinear(query_size, positions)

    def scores(
        self, queries_BTQ: Tensor, keys_BSA: Tensor, coverage_BTS: Tensor | None = None
    ) -> Tensor:
        """Unnormalised scores, BTS; -inf where the network has none."""
        scores_BTP: Tensor = self.place(queries_BTQ)
        missing = keys_BSA.shape[1] - scores_BTP.shape[2]
        # A negative pad cuts what lies behind the source's end.
        return nn.functional.pad(scores_BTP, (0, missing), value=float("-inf"))


class MultiHeadAttention(Attention):
    """Scaled dot products in several projections: section 3.2 in Vaswani et al. 2017, 1706.03762.

    The heads' contexts are projected to one of H units, so that a recurrent decoder reads it like
    any other, or of as many as a Transformer layer has; the weights shown are the heads' mean.
    """

    def __init__(
        self,
        query_size: int,
        enc_size: int,
        attention_size: int,
        heads: int,
        output_size: int | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.query = DeferredLinear(query_size, attention_size)
        self.key_value = nn.Linear(enc_size, 2 * attention_size)
        self.joined = DeferredLinear(attention_size, output_size or enc_size)

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
        coverage_BTS: Tensor | None = None,
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

    def contexts(
        self,
        queries_BTQ: Tensor,
        keys_BSA: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """The contexts alone, for which torch keeps no weights.

        `mask` is True where a query may look, and broadcasts to BNTS; `causal`: at no later place.
        """
        queries, keys, values = (
            joined_BXA.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for joined_BXA in (self.query(queries_BTQ), *keys_BSA.chunk(2, dim=-1))
        )
        # On a CPU, several times as fast backwards as in bfloat16.
        if queries.device.type == "cpu" and queries.dtype == torch.bfloat16:
            queries, keys, values = queries.float(), keys.float(), values.float()
        found_BNTD = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, is_causal=causal
        )
        joined_BTA = found_BNTD.transpose(1, 2).flatten(2).to(queries_BTQ.dtype)
        contexts_BTH: Tensor = self.joined(joined_BTA)
        return contexts_BTH

    def _split(self, joined_BXA: Tensor) -> Tensor:
        """Of each sentence its heads one after the other: nXD with n = B * N."""
        heads_nXD: Tensor = joined_BXA.unflatten(-1, (self.heads, -1)).transpose(1, 2).flatten(0, 1)
        return heads_nXD


def side_by_side(values_NTQ: Tensor, enc_states_BSH: Tensor) -> Tensor:
    """The N = B * K hypotheses of B sources as B targets of K * T positions.

    Those of a source stand one after the other. With K = 1, as in training, it changes nothing.
    """
    return values_NTQ.reshape(enc_states_BSH.shape[0], -1, values_NTQ.shape[2])


def apart(found: Tensor, like_NTQ: Tensor) -> Tensor:
    """What was found for queries that stood side by side, of each hypothesis again: NT and a
    dimension of any size; `like_NTQ` are the queries as they were.
    """
    return found.reshape(like_NTQ.shape[0], like_NTQ.shape[1], -1)


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


def make_attention(settings: ModelSettings) -> Attention | None:
    """A fresh module; None for an encoder-decoder without attention."""
    query_size, enc_size = settings.decoder_hidden_size, settings.enc_size
    size = settings.attention_size
    match settings.attention:
        case "none":
            return None
        case "dot":
            return DotAttention()
        case "general":
            return GeneralAttention(query_size, enc_size)
        case "additive":
            return AdditiveAttention(query_size, enc_size, size, settings.coverage)
        case "normalised_additive":
            return NormalisedAdditiveAttention(query_size, enc_size, size, settings.coverage)
        case "location_aware":
            return LocationAwareAttention(query_size, enc_size, size)
        case "location":
            return LocationAttention(query_size, settings.location_positions)
        case "multi_head":
            return MultiHeadAttention(query_size, enc_size, size, settings.attention_heads)
