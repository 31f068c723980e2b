"""A model whose every probability is a row of a table, so that right answers can be enumerated.

What comes next depends on the whole prefix: a number made from the source's first token and the
target tokens read so far picks the row.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID

ROWS = 9973
FIRST_WORD = 4


def decode_settings(**overrides: Any) -> DecodeSettings:
    values = {
        "device": "cpu",
        "number_type": "float32",
        "threads": 1,
        "processes": 1,
        "ensemble": [],
        "search": "beam",
        "beam_size": 4,
        "nbest": 1,
        "length_normalisation": "wu",
        "length_alpha": 0.6,
        "coverage_penalty": 0.0,
        "min_length": 0,
        "max_length_factor": 0.0,
        "max_length_offset": 4,
        "no_repeat_ngram_size": 0,
        "repetition_penalty": 1.0,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "sampling_seed": 1,
        "mbr": "none",
        "mbr_candidates": 2,
        "max_source_length": 50,
        "batch_tokens": 1000,
        "attention_maps": 0,
    }
    return DecodeSettings(**{**values, **overrides})


@dataclass(frozen=True)
class Rows:
    """Encoded source or state: one number a row, and the source's mask."""

    number_N: Tensor
    src_mask_NS: Tensor
    step: int = 0

    def select(self, index_N: Tensor) -> "Rows":
        return Rows(self.number_N[index_N], self.src_mask_NS[index_N], self.step)


def next_row(row: Any, token: Any) -> Any:
    return (row * 31 + token * 7 + 1) % ROWS


def of_each(values_BS: Tensor, rows: int) -> Tensor:
    """Those of its sentence for each of the rows of a step."""
    return values_BS.repeat_interleave(rows // len(values_BS), dim=0)


class TableModel:
    """`table` has one row of log-probabilities for each number; it attends to position `step`."""

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.rows_read = 0
        self.most_rows = 0  # of any call

    @classmethod
    def random(cls, seed: int, vocabulary_size: int, spread: float = 1.5) -> "TableModel":
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(ROWS, vocabulary_size, generator=generator) * spread
        return cls(logits.log_softmax(dim=-1))

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Rows:
        return Rows(src_BS[:, 0] * 101, src_BS != PAD_ID)

    def initial_state(self, encoded: Rows) -> Rows:
        return encoded

    def decode_step(
        self, tokens_N: Tensor, state: Rows, encoded: Rows
    ) -> tuple[Tensor, Tensor | None, Rows]:
        row_N = next_row(state.number_N, tokens_N)
        self.rows_read += len(row_N)
        self.most_rows = max(self.most_rows, len(row_N))
        src_mask_NS = of_each(encoded.src_mask_NS, len(tokens_N))
        attn_weights_NS = torch.zeros(src_mask_NS.shape)
        attn_weights_NS[:, state.step % attn_weights_NS.shape[1]] = row_N + 1.0
        state = Rows(row_N, state.src_mask_NS, state.step + 1)
        return self.table[row_N].clone(), attn_weights_NS * src_mask_NS, state

    def walk(self, source: list[int], tokens: list[int]) -> list[int]:
        """The table's row behind each of `tokens`, which end with eos."""
        row = source[0] * 101
        rows = []
        for token in [BOS_ID, *tokens[:-1]]:
            row = next_row(row, token)
            rows.append(row)
        return rows

    def log_prob(self, source: list[int], tokens: list[int]) -> float:
        rows = self.walk(source, tokens)
        return math.fsum(
            float(self.table[row, token]) for row, token in zip(rows, tokens, strict=True)
        )

    def all_hypotheses(self, source: list[int], shortest: int, longest: int) -> list[list[int]]:
        words = range(FIRST_WORD, self.table.shape[1])
        return [
            [*pieces, EOS_ID]
            for length in range(shortest, longest + 1)
            for pieces in itertools.product(words, repeat=length)
        ]


class AttendingModel(TableModel):
    """Its attention is a distribution over the source, from a second table; float32 as of a net."""

    def __init__(self, table: Tensor, attn_logits: Tensor) -> None:
        super().__init__(table)
        self.attn_logits = attn_logits

    @classmethod
    def attending(cls, seed: int, vocabulary_size: int, spread: float = 1.5) -> "AttendingModel":
        generator = torch.Generator().manual_seed(seed + 1000)
        logits = torch.randn(ROWS, 8, generator=generator) * 3
        return cls(TableModel.random(seed, vocabulary_size, spread).table, logits)

    def decode_step(
        self, tokens_N: Tensor, state: Rows, encoded: Rows
    ) -> tuple[Tensor, Tensor | None, Rows]:
        log_probs_NV, _, state = super().decode_step(tokens_N, state, encoded)
        src_mask_NS = of_each(encoded.src_mask_NS, len(tokens_N))
        logits_NS = self.attn_logits[state.number_N, : src_mask_NS.shape[1]]
        weights_NS = logits_NS.masked_fill(~src_mask_NS, -torch.inf).softmax(dim=-1)
        return log_probs_NV, weights_NS, state

    def coverage(self, source: list[int], tokens: list[int]) -> list[float]:
        """The attention that each word of the source has had in all, eos left out."""
        rows = self.walk(source, tokens)
        weights = self.attn_logits[rows, : len(source) + 1].double().softmax(dim=-1)
        return weights.sum(dim=0)[:-1].tolist()


class BlindModel(TableModel):
    """A table without attention."""

    def decode_step(
        self, tokens_N: Tensor, state: Rows, encoded: Rows
    ) -> tuple[Tensor, Tensor | None, Rows]:
        log_probs_NV, _, state = super().decode_step(tokens_N, state, encoded)
        return log_probs_NV, None, state
