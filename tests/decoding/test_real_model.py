"""The searches on a real network: rounding may differ between batchings, what is found may not."""

import numpy as np
import pytest
import torch
from table_model import decode_settings
from tiny_model import VOCABULARY, tiny_model

from attn2seq.decoding.batched import Reader, find_all, score_all

CPU = torch.device("cpu")
SOURCES = [
    [4 + (word * 5 + place * 3) % (VOCABULARY - 4) for place in range(1 + word % 7)]
    for word in range(30)
]


@pytest.mark.parametrize("attention", ["additive", "dot", "none"])
@pytest.mark.parametrize("beam_size", [1, 4])
def test_batching_changes_nothing(attention: str, beam_size: int) -> None:
    model = tiny_model(attention, input_feeding=attention == "additive")
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
            assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)
            if attention == "none":
                assert one.attn_weights_TS is other.attn_weights_TS is None
                continue
            assert one.attn_weights_TS is not None
            assert other.attn_weights_TS is not None
            assert one.attn_weights_TS.shape == (len(one.tokens), len(source) + 1)
            np.testing.assert_allclose(one.attn_weights_TS, other.attn_weights_TS, atol=1e-5)
            np.testing.assert_allclose(one.attn_weights_TS.sum(axis=1), 1, atol=1e-5)


def test_the_outputs_of_this_model_differ_and_end() -> None:
    # Else the test above would prove little.
    found = find_all([Reader(tiny_model(), SOURCES)], decode_settings(max_length_offset=15), CPU)
    tokens = {tuple(hypotheses[0].tokens) for hypotheses in found}
    assert len(tokens) > 15
    assert len({len(hypothesis) for hypothesis in tokens}) > 3


def test_a_hypothesis_scored_as_a_reference_has_its_log_probability() -> None:
    model = tiny_model()
    settings = decode_settings(max_length_factor=2.0)
    found = [hypotheses[0] for hypotheses in find_all([Reader(model, SOURCES)], settings, CPU)]
    targets = [hypothesis.tokens[:-1] for hypothesis in found]
    for hypothesis, score in zip(
        found, score_all([Reader(model, SOURCES)], targets, settings, CPU), strict=True
    ):
        assert score.nats == pytest.approx(-hypothesis.log_prob, abs=1e-4)
