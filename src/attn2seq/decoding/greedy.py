"""Greedy search: at each step the most probable token.

Shapes: B batch, S source positions, N sentences still searched, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attn2seq.batching.batch import TokenIds
from attn2seq.decoding.prefixes import prefix_batch
from attn2seq.decoding.search import Found, follow_endings, token_limits
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.single_path import Start, grow
from attn2seq.decoding.step_model import E, S, StepModel


def greedy_search(
    model: StepModel[E, S],
    src_BS: Tensor,
    src_lengths_B: Tensor,
    settings: DecodeSettings,
    keep_attention: bool = False,
    prefixes: Sequence[TokenIds] | None = None,
) -> list[list[Found]]:
    """One hypothesis for each sentence; of equally probable tokens the one with the lower id.

    `src_lengths_B` counts eos and lies on the CPU. `prefixes` are target ids, one row a sentence,
    with which its hypothesis begins.
    """
    device = src_BS.device
    prefixes_BP, prefix_lengths_B = prefix_batch(prefixes or [()] * len(src_BS), device)
    limits_B = token_limits(src_lengths_B, settings).maximum(prefix_lengths_B + 1)
    start = Start(
        sentences_R=torch.arange(len(src_BS), device=device),
        limits_R=limits_B.to(device),
        prefixes_RP=prefixes_BP,
        nearest=int(limits_B.min()),
        longest=int(limits_B.max()),
    )
    with torch.inference_mode():
        encoded = model.encode(src_BS, src_lengths_B)
        trace, endings = grow(model, encoded, start, settings, _most_probable, keep_attention)
        return follow_endings(trace, endings, src_lengths_B)


def _most_probable(log_probs_NV: Tensor, places_N: Tensor, step: int) -> tuple[Tensor, Tensor]:
    best_N, tokens_N = log_probs_NV.max(dim=-1)
    return tokens_N, best_N
