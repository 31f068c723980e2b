"""GNMT v2 in its original size, and random ids for it.

recipes/gnmt-v2.yaml with 1,024 units in embeddings, layers and attention, and a joint vocabulary of
32,000. Lengths are drawn as in WMT16: 27 on average, none above 50, those of source and target
alike. A translation is as long as its source, since a model of random ids would never end one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attn2seq.decoding.search import StepModel
from attn2seq.model.decoder import DecoderState
from attn2seq.model.encoder import Encoded
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from benchmarks.tables.runs import Changes, Run, params_of

SEED = 1
LONGEST = 50
# Of a gamma distribution; the lengths that are not above LONGEST have a mean of 27.
LENGTH_SHAPE, LENGTH_SCALE = 3.0, 12.5
# Standard deviation of the logarithm of target over source length.
LENGTH_RATIO_SPREAD = 0.15
FIRST_WORD = 1 + max(PAD_ID, BOS_ID, EOS_ID, UNK_ID)
# Finite, so that a hypothesis that the length limit ends still has a score.
UNLIKELY = -1e4

Ids = NDArray[np.int64]


def gnmt_params(units: int) -> dict[str, Any]:
    """The recipe's params with so many units everywhere, and translations as long as sources."""
    sized = ("embedding_size", "encoder_hidden_size", "decoder_hidden_size", "attention_size")
    changes: Changes = {
        "model": dict.fromkeys(sized, units),
        "decode": {"nbest": 1, "min_length": 0, "max_length_factor": 1.0, "max_length_offset": 0},
    }
    return params_of(Run("bench-gnmt-v2", "gnmt-v2", changes))


def synthetic_pairs(count: int, vocabulary: int) -> tuple[list[Ids], list[Ids]]:
    """Sources and targets without eos, always the same ones."""
    draw = np.random.default_rng(SEED)
    lengths = np.empty((0, 2), dtype=np.int64)
    while len(lengths) < count:
        src = draw.gamma(LENGTH_SHAPE, LENGTH_SCALE, count)
        tgt = src * np.exp(draw.normal(0.0, LENGTH_RATIO_SPREAD, count))
        drawn = np.stack([src, tgt], axis=1).round().astype(np.int64)
        fits = (drawn.min(axis=1) >= 1) & (drawn.max(axis=1) <= LONGEST)
        lengths = np.concatenate([lengths, drawn[fits]])
    src_ids, tgt_ids = (
        [draw.integers(FIRST_WORD, vocabulary, length) for length in side]
        for side in lengths[:count].T
    )
    return src_ids, tgt_ids


class Endless:
    """A StepModel that ends no sentence itself: the limit of its length does."""

    def __init__(self, model: StepModel[Encoded, DecoderState]) -> None:
        self.model = model

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Encoded:
        """The model's own."""
        return self.model.encode(src_BS, src_lengths_B)

    def initial_state(self, encoded: Encoded) -> DecoderState:
        """The model's own."""
        return self.model.initial_state(encoded)

    def decode_step(
        self, tokens_N: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        """The model's own, with eos made unlikely."""
        log_probs_NV, attn_weights_NS, state = self.model.decode_step(tokens_N, state, encoded)
        log_probs_NV[:, EOS_ID] = UNLIKELY
        return log_probs_NV, attn_weights_NS, state
