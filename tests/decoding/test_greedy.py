import pytest
import torch
from table_model import FIRST_WORD, TableModel, decode_settings

from attn2seq.batching.batch import pad_batch
from attn2seq.decoding.greedy import greedy_search
from attn2seq.tokenization.tokenizer import EOS_ID

SOURCES = [[word] * (1 + word % 3) for word in range(FIRST_WORD, 40)]


def by_hand(model: TableModel, source: list[int], limit: int) -> list[int]:
    tokens: list[int] = []
    while len(tokens) < limit:
        row = model.table[model.walk(source, [*tokens, EOS_ID])[-1]]
        tokens.append(EOS_ID + int(row[EOS_ID:].argmax()))
        if tokens[-1] == EOS_ID:
            return tokens
    return [*tokens, EOS_ID]


@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_best_token_each_time(seed: int) -> None:
    model = TableModel.random(seed, vocabulary_size=9)
    settings = decode_settings(max_length_offset=6, length_normalisation="average")
    found = greedy_search(model, *pad_batch(SOURCES), settings)
    for source, [hypothesis] in zip(SOURCES, found, strict=True):
        assert hypothesis.tokens == by_hand(model, source, limit=6)
        log_prob = model.log_prob(source, hypothesis.tokens)
        assert hypothesis.log_prob == pytest.approx(log_prob, abs=1e-5)
        assert hypothesis.score == pytest.approx(log_prob / len(hypothesis.tokens), abs=1e-5)


def test_of_equal_tokens_the_lower_id_is_taken() -> None:
    model = TableModel(torch.full((9973, 9), -2.0))
    [[hypothesis]] = greedy_search(model, *pad_batch([[5]]), decode_settings(min_length=2))
    assert hypothesis.tokens == [FIRST_WORD, FIRST_WORD, EOS_ID]


def test_sentences_that_have_ended_are_not_read_on() -> None:
    # One source never ends before the limit of 30, the others end at once.
    model = TableModel.random(0, vocabulary_size=9)
    model.table[:, EOS_ID] = 10.0
    model.table[model.walk([5], [EOS_ID])[0], EOS_ID] = -10.0
    settings = decode_settings(max_length_offset=30, min_length=0)
    found = greedy_search(model, *pad_batch([[5], [6], [7], [8]]), settings)
    assert [len(hypotheses[0].tokens) for hypotheses in found] == [2, 1, 1, 1]
    assert model.rows_read == 4 + 1


def test_a_model_of_no_numbers_gives_no_hypothesis() -> None:
    model = TableModel(torch.full((9973, 9), torch.nan))
    assert greedy_search(model, *pad_batch([[5], [6]]), decode_settings()) == [[], []]
