"""Sampling: hypotheses drawn token by token from the model's distribution.

The numbers behind a sample follow from decode.sampling_seed, the source, its length limit and the
sample's place among its sentence's: not from the batch, the sentences around it or how many are
drawn. So equal sources have equal samples.

Shapes: B batch, M samples of a sentence, R = B * M, N rows still drawn, T target positions,
V vocabulary.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.batching.batch import TokenIds
from attn2seq.decoding.greedy import grow, start_rows
from attn2seq.decoding.repetition import penalise_said
from attn2seq.decoding.search import E, Found, S, StepModel
from attn2seq.decoding.settings import DecodeSettings

WHOLE = 2**52  # a probability of 1 as an integer; one below 1 / WHOLE is never drawn


def sample(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool = False,
    prefixes: Sequence[TokenIds] | None = None,
) -> list[list[Found]]:
    """`settings.candidates` hypotheses of each sentence, in the order drawn, some of them equal.

    The first is therefore a fair draw, however many follow it. `log_prob` is the model's own,
    without repetition_penalty, temperature, top_k and top_p. `src_lengths_B` counts eos and lies on
    the CPU; `prefixes` are target ids, one row a sentence, from which its samples go on.
    """
    samples = settings.candidates
    start = start_rows(src_BS, src_lengths_B, settings, prefixes, samples)
    uniform = np.zeros((len(src_BS), samples, start.longest))
    sources = [row[:length] for row, length in zip(src_BS.tolist(), src_lengths_B, strict=True)]
    limits = start.limits_R[::samples].tolist()
    for row, source, limit in zip(uniform, sources, limits, strict=True):
        row[:, :limit] = sentence_draws(settings.sampling_seed, source, samples, limit)
    uniform_RT = torch.from_numpy(uniform).flatten(0, 1).to(src_BS.device)

    def choose(
        log_probs_NV: Tensor, said_NP: Tensor, places_N: Tensor, step: int
    ) -> tuple[Tensor, Tensor]:
        ranked_NV = log_probs_NV
        if settings.repetition_penalty != 1.0:
            ranked_NV = penalise_said(log_probs_NV, said_NP, settings.repetition_penalty)
        tokens_N = draw_tokens(ranked_NV, uniform_RT[places_N, step - 1], settings)
        return tokens_N, log_probs_NV.gather(1, tokens_N.unsqueeze(1)).squeeze(1)

    return grow(model, src_BS, src_lengths_B, start, settings, choose, keep_attention)


def sentence_draws(
    seed: int, source: Sequence[int], samples: int, steps: int
) -> NDArray[np.float64]:
    """Uniform numbers from [0, 1), a row for each sample: the first rows are those of fewer."""
    content = np.array(source, dtype="<i8").tobytes()
    words = np.frombuffer(hashlib.sha256(content).digest(), dtype="<u4")
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))
    return generator.random((samples, steps))


def draw_tokens(log_probs_NV: Tensor, uniform_N: Tensor, settings: DecodeSettings) -> Tensor:
    """The token of each row on which its uniform number falls, `tokens_N`.

    Probabilities are those of the softmax of log_probs / temperature; of these the `top_k` largest
    are kept (Fan et al. 2018, arXiv 1805.04833), of them, made to sum to 1, the fewest that sum to
    `top_p` (Holtzman et al. 2020, arXiv 1904.09751), of equal ones first the lower token id.

    Sums run over integers: they are exact, in whatever order a device adds.
    """
    probs_NV = (log_probs_NV / settings.temperature).softmax(dim=-1)
    weights_NV = (probs_NV.double() * WHOLE).long()
    if not settings.top_k and settings.top_p == 1.0:
        return _falls_on(weights_NV, uniform_N)
    weights_NV, tokens_NV = weights_NV.sort(dim=-1, descending=True, stable=True)
    if settings.top_k:
        weights_NV[:, settings.top_k :] = 0
    if settings.top_p < 1.0:
        before_NV = weights_NV.cumsum(dim=-1) - weights_NV
        total_N1 = weights_NV.sum(dim=-1, keepdim=True)
        weights_NV = weights_NV.masked_fill(before_NV >= settings.top_p * total_N1, 0)
    places_N = _falls_on(weights_NV, uniform_N)
    return tokens_NV.gather(1, places_N.unsqueeze(1)).squeeze(1)


def _falls_on(weights_NV: Tensor, uniform_N: Tensor) -> Tensor:
    """The place of the weight on which `uniform` of the way along all weights lies."""
    sums_NV = weights_NV.cumsum(dim=-1)
    total_N = sums_NV[:, -1]
    wanted_N = torch.minimum((uniform_N * total_N).long(), total_N - 1)
    places_N1 = torch.searchsorted(sums_NV, wanted_N.unsqueeze(1), right=True)
    # Without any weight (a model of no numbers) there is no place to fall on.
    return places_N1.squeeze(1).clamp(max=weights_NV.shape[1] - 1)
