"""Encoded sources for decoders under test."""

import torch

from attn2seq.model.cells import State
from attn2seq.model.decoder import RecurrentDecoder
from attn2seq.model.encoder import Encoded
from attn2seq.model.settings import ModelSettings


def final_states(settings: ModelSettings, batch: int = 3) -> tuple[State, ...]:
    parts = 2 if settings.cell == "lstm" else 1
    return tuple(
        tuple(torch.randn(batch, size) for _ in range(parts)) for size in settings.enc_sizes
    )


def encoded(settings: ModelSettings, decoder: RecurrentDecoder) -> Encoded:
    """Three sentences of 4, 2 and 1 tokens."""
    states_BSH = torch.randn(3, 4, settings.enc_size)
    keys_BSA = decoder.attention.keys(states_BSH) if decoder.attention is not None else None
    mask_BS = torch.arange(4) < torch.tensor([[4], [2], [1]])
    src_BS = torch.tensor([[5, 6, 7, 3], [8, 3, 0, 0], [3, 0, 0, 0]])
    return Encoded(src_BS, mask_BS, states_BSH, keys_BSA, final_states(settings))
