import pytest
from table_model import TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.scoring import score_targets
from attn2seq.tokenization.tokenizer import EOS_ID, UNK_ID


def test_nats_are_the_sum_of_the_steps() -> None:
    model = TableModel.random(0, vocabulary_size=9)
    sources = [[5], [6, 7], [8]]
    targets = [[4, 5, 4], [], [UNK_ID, 8]]
    scores = score_targets(model, *pad_batch(sources), targets)
    assert [score.tokens for score in scores] == [4, 1, 3]
    for source, target, score in zip(sources, targets, scores, strict=True):
        assert score.nats == pytest.approx(-model.log_prob(source, [*target, EOS_ID]), abs=1e-9)


def test_a_hypothesis_scored_again_has_its_log_probability() -> None:
    model = TableModel.random(1, vocabulary_size=9)
    sources = [[word] for word in range(5, 25)]
    found = beam_search(model, *pad_batch(sources), decode_settings(max_length_offset=9))
    hypotheses = [hypotheses[0] for hypotheses in found]
    again = score_targets(
        model, *pad_batch(sources), [hypothesis.tokens[:-1] for hypothesis in hypotheses]
    )
    for hypothesis, score in zip(hypotheses, again, strict=True):
        assert score.nats == pytest.approx(-hypothesis.log_prob, abs=1e-5)
        assert score.tokens == len(hypothesis.tokens)
