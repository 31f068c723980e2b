"""Hypotheses that share their source, against hypotheses that each have a copy of it."""

from typing import Any

import pytest
import torch
from table_model import decode_settings
from tiny_model import TRANSFORMER, tiny_model
from torch import Tensor

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.ensemble import Ensemble
from attn2seq.decoding.search import Found
from attn2seq.model.decoder import DecoderState
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq

SOURCES = [[5, 6, 7, 8, 9, 10, 11], [9], [4, 10, 12], [11, 5, 6, 11], [7] * 9]
BEAM = 4
SEVERAL_HEADS: dict[str, Any] = {"attention": "multi_head", "attention_size": 8}
MODELS: dict[str, dict[str, Any]] = {
    "none": {"attention": "none", "input_feeding": False},
    "dot": {"attention": "dot"},
    "general": {"attention": "general"},
    "additive": {"attention": "additive"},
    "normalised_additive": {"attention": "normalised_additive", "input_feeding": False},
    "location": {"attention": "location"},
    "multi_head": SEVERAL_HEADS,
    "first_layer": {"context_into": "first_layer"},
    "all_layers": {"context_into": "all_layers", "input_feeding": False},
    "coverage": {"coverage": True},
    "copying": {"copying": True, "coverage": True, "context_into": "first_layer"},
    "transformer encoder": {"encoder": "transformer", "encoder_hidden_size": 16},
    "transformer": TRANSFORMER,
    "copying transformer": TRANSFORMER | {"copying": True},
    "recurrent mixing": TRANSFORMER | {"decoder_mixing": "recurrent"},
}


class Copies:
    """A StepModel whose every hypothesis has a copy of its source: one hypothesis a source."""

    def __init__(self, model: Seq2Seq) -> None:
        self.model = model

    def encode(self, src_BS: Tensor, src_lengths_B: Tensor) -> Encoded:
        return self.model.encode(src_BS, src_lengths_B)

    def initial_state(self, encoded: Encoded) -> DecoderState:
        return self.model.initial_state(encoded)

    def decode_step(
        self, tokens_N: Tensor, state: DecoderState, encoded: Encoded
    ) -> tuple[Tensor, Tensor | None, DecoderState]:
        sentences = len(encoded.src_BS)
        copy_N = torch.arange(sentences).repeat_interleave(len(tokens_N) // sentences)
        return self.model.decode_step(tokens_N, state, encoded.select(copy_N))


def search(model: Any, penalty: float) -> list[Found]:
    settings = decode_settings(
        beam_size=BEAM, nbest=BEAM, max_length_factor=2.0, coverage_penalty=penalty
    )
    prefixes = [[], [6, 7], [], [8], []]
    batch = pad_batch(SOURCES)
    return [one for found in beam_search(model, *batch, settings, True, prefixes) for one in found]


def assert_alike(ones: list[Found], others: list[Found]) -> None:
    assert [one.tokens for one in ones] == [other.tokens for other in others]
    for one, other in zip(ones, others, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-5, abs=1e-5)
        assert (one.attn_weights_TS is None) == (other.attn_weights_TS is None)
        if one.attn_weights_TS is not None:
            assert one.attn_weights_TS == pytest.approx(other.attn_weights_TS, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_beam_finds_the_same(name: str) -> None:
    model = tiny_model(**MODELS[name])
    penalty = 0.0 if name == "none" else 0.2
    assert_alike(search(model, penalty), search(Copies(model), penalty))


def test_so_do_the_models_of_an_ensemble() -> None:
    one, other = (tiny_model(**MODELS[name]) for name in ("coverage", "transformer"))
    batch = pad_batch(SOURCES)
    shared = Ensemble(one, [(other, *batch)])
    copied = Ensemble(Copies(one), [(Copies(other), *batch)])
    assert_alike(search(shared, 0.2), search(copied, 0.2))


@pytest.mark.parametrize("name", MODELS)
def test_a_step_gives_each_hypothesis_what_it_gives_it_alone(name: str) -> None:
    """Rows whose targets differ, and whose states have been mixed as a beam mixes them."""
    model = tiny_model(**MODELS[name])
    sentences, rows = len(SOURCES), len(SOURCES) * BEAM
    with torch.inference_mode():
        encoded = model.encode(*pad_batch(SOURCES))
        source_N = torch.arange(sentences).repeat_interleave(BEAM)
        state = model.initial_state(encoded).select(source_N)
        for step in range(3):
            tokens_N = 4 + (torch.arange(rows) * 7 + step) % 30
            log_probs, weights, after = model.decode_step(tokens_N, state, encoded)
            for row in range(rows):
                place = torch.tensor([row])
                alone = model.decode_step(
                    tokens_N[place], state.select(place), encoded.select(source_N[place])
                )
                torch.testing.assert_close(alone[0][0], log_probs[row], atol=1e-4, rtol=1e-4)
                if weights is not None:
                    assert alone[1] is not None
                    torch.testing.assert_close(alone[1][0], weights[row], atol=1e-5, rtol=1e-5)
            mixed_BK = torch.arange(rows).view(-1, BEAM)[:, [1, 0, 3, 1]]
            state = after.select(mixed_BK.flatten())
