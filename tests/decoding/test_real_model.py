"""The searches on a real network: rounding may differ between batchings, what is found may not."""

from typing import Any

import numpy as np
import pytest
import torch
from table_model import decode_settings
from tiny_model import TRANSFORMER, VOCABULARY, tiny_model

from attn2seq.decoding.batched import Reader, find_all, score_all
from attn2seq.decoding.search import Found
from attn2seq.model.seq2seq import Seq2Seq

CPU = torch.device("cpu")
SOURCES = [
    [4 + (word * 5 + place * 3) % (VOCABULARY - 4) for place in range(1 + word % 7)]
    for word in range(30)
]


MODELS: dict[str, dict[str, Any]] = {
    "additive": {},
    "dot": {"attention": "dot", "input_feeding": False},
    "none": {"attention": "none", "input_feeding": False},
    "transformer": TRANSFORMER,
    "transformer encoder": {"encoder": "transformer", "encoder_hidden_size": 16},
    "recurrent mixing": TRANSFORMER | {"decoder_mixing": "recurrent"},
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("beam_size", [1, 4])
def test_batching_changes_nothing(name: str, beam_size: int) -> None:
    model = tiny_model(**MODELS[name])
    alone, together = (
        find_all(
            [Reader(model, SOURCES)],
            decode_settings(
                beam_size=beam_size,
                nbest=beam_size,
                batch_tokens=batch_tokens,
                max_length_factor=2.0,
            ),
            CPU,
            attention_maps=len(SOURCES),
        )
        for batch_tokens in (1, 2000)
    )
    for source, ones, others in zip(SOURCES, alone, together, strict=True):
        assert [found.tokens for found in ones] == [found.tokens for found in others]
        for one, other in zip(ones, others, strict=True):
            assert one.log_prob == pytest.approx(other.log_prob, rel=1e-5, abs=1e-4)
            if name == "none":
                assert one.attn_weights_TS is other.attn_weights_TS is None
                continue
            assert one.attn_weights_TS is not None
            assert other.attn_weights_TS is not None
            assert one.attn_weights_TS.shape == (len(one.tokens), len(source) + 1)
            np.testing.assert_allclose(one.attn_weights_TS, other.attn_weights_TS, atol=1e-4)
            np.testing.assert_allclose(one.attn_weights_TS.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["additive", "transformer"])
def test_the_outputs_of_this_model_differ_and_end(name: str) -> None:
    # Else the test above would prove little.
    model, settings = tiny_model(**MODELS[name]), decode_settings(max_length_offset=15)
    found = find_all([Reader(model, SOURCES)], settings, CPU)
    tokens = {tuple(hypotheses[0].tokens) for hypotheses in found}
    assert len(tokens) > 15
    assert len({len(hypothesis) for hypothesis in tokens}) > 3


@pytest.mark.parametrize("name", MODELS)
def test_a_hypothesis_scored_as_a_reference_has_its_log_probability(name: str) -> None:
    model = tiny_model(**MODELS[name])
    settings = decode_settings(max_length_factor=2.0)
    found = [hypotheses[0] for hypotheses in find_all([Reader(model, SOURCES)], settings, CPU)]
    targets = [hypothesis.tokens[:-1] for hypothesis in found]
    for hypothesis, score in zip(
        found, score_all([Reader(model, SOURCES)], targets, settings, CPU), strict=True
    ):
        assert score.nats == pytest.approx(-hypothesis.log_prob, rel=1e-5, abs=1e-4)


def best(models: list[Seq2Seq], **options: Any) -> list[Found]:
    prefixes = options.pop("prefixes", None)
    settings = decode_settings(max_length_factor=2.0, **options)
    readers = [Reader(model, SOURCES) for model in models]
    return [found[0] for found in find_all(readers, settings, CPU, prefixes=prefixes)]


@pytest.mark.parametrize("name", MODELS)
def test_what_follows_a_prefix_of_a_hypothesis_is_its_rest(name: str) -> None:
    model = tiny_model(**MODELS[name])
    whole = best([model], beam_size=1)
    prefixes = [found.tokens[: len(found.tokens) // 2] for found in whole]
    again = best([model], beam_size=1, prefixes=prefixes)
    assert [found.tokens for found in again] == [found.tokens for found in whole]


@pytest.mark.parametrize("name", MODELS)
def test_samples_do_not_depend_on_the_batch(name: str) -> None:
    model = tiny_model(**MODELS[name])
    alone, together = (
        best([model], search="sampling", batch_tokens=tokens) for tokens in (1, 2000)
    )
    assert [found.tokens for found in alone] == [found.tokens for found in together]


def test_an_ensemble_of_several_kinds() -> None:
    """Of one model twice it finds what the model finds; of two kinds something in between."""
    recurrent, transformer = (tiny_model(**MODELS[name]) for name in ("additive", "transformer"))
    ones = best([transformer])
    twice, mixed = best([transformer, transformer]), best([recurrent, transformer])
    assert [found.tokens for found in twice] == [found.tokens for found in ones]
    assert [found.tokens for found in mixed] != [found.tokens for found in ones]
