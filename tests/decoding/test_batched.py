import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.decoding.batched import Reader, find_all, length_batches, score_all

CPU = torch.device("cpu")
SOURCES = [[word] * (1 + (word * 7) % 5) for word in range(FIRST_WORD, 50)]


def test_batches_hold_like_lengths_under_the_budget() -> None:
    assert list(length_batches([1, 3, 2], 7)) == [[1], [2, 0]]
    lengths = [(index * 37) % 23 for index in range(200)]
    batches = list(length_batches(lengths, 60))
    assert sorted(index for batch in batches for index in batch) == list(range(200))
    for batch in batches:
        assert len(batch) * (max(lengths[index] for index in batch) + 1) <= 60


def test_a_sentence_longer_than_the_budget_stands_alone() -> None:
    assert list(length_batches([9, 2, 1], 5)) == [[0], [1], [2]]


def test_no_sentences_no_batches() -> None:
    assert list(length_batches([], 5)) == []


def test_the_budget_changes_nothing_and_order_is_kept() -> None:
    model = TableModel.random(0, vocabulary_size=15)
    for beam_size in (1, 3):
        results = []
        for batch_tokens in (1, 40, 1000):
            settings = decode_settings(
                beam_size=beam_size, nbest=beam_size, batch_tokens=batch_tokens
            )
            done: list[int] = []
            results.append(find_all([Reader(model, SOURCES)], settings, CPU, progress=done.append))
            assert sum(done) == len(SOURCES)
        assert results[0] == results[1] == results[2]
        for source, hypotheses in zip(SOURCES, results[0], strict=True):
            assert abs(hypotheses[0].log_prob - model.log_prob(source, hypotheses[0].tokens)) < 1e-5


@pytest.mark.parametrize("batch_tokens", [1, 40, 1000])
def test_the_first_sentences_keep_their_attention(batch_tokens: int) -> None:
    model = TableModel.random(0, vocabulary_size=15)
    settings = decode_settings(batch_tokens=batch_tokens)
    found = find_all([Reader(model, SOURCES)], settings, CPU, attention_maps=3)
    assert [hypotheses[0].attn_weights_TS is not None for hypotheses in found] == [
        index < 3 for index in range(len(SOURCES))
    ]


def test_scores_come_in_order() -> None:
    model = TableModel.random(0, vocabulary_size=60)
    targets = [[*source[::-1], FIRST_WORD] for source in SOURCES]
    small = score_all([Reader(model, SOURCES)], targets, decode_settings(batch_tokens=12), CPU)
    large = score_all([Reader(model, SOURCES)], targets, decode_settings(), CPU)
    assert small == large
    assert [score.tokens for score in small] == [len(target) + 1 for target in targets]


def test_each_hypothesis_of_the_beam_counts_against_the_budget() -> None:
    for beam_size in (1, 4):
        model = TableModel.random(0, vocabulary_size=60)
        settings = decode_settings(beam_size=beam_size, batch_tokens=80)
        find_all([Reader(model, [[5]] * 100)], settings, CPU)
        assert model.most_rows == 40  # of a word and eos each
