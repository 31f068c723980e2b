import torch
from table_model import decode_settings

from attn2seq.decoding.search import forbid_, staying, token_limits
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID


def allowed(log_probs: torch.Tensor) -> list[list[int]]:
    return [row.isfinite().nonzero().flatten().tolist() for row in log_probs]


def test_limits_count_eos() -> None:
    # Sources of 7 and 0 pieces (lengths count eos): floor(10.5) + 10 + 1 and 0 + 10 + 1.
    settings = decode_settings(max_length_factor=1.5, max_length_offset=10)
    assert token_limits(torch.tensor([8, 1]), settings).tolist() == [21, 11]


def test_the_minimum_lifts_a_lower_limit() -> None:
    settings = decode_settings(max_length_factor=0.0, max_length_offset=2, min_length=3)
    assert token_limits(torch.tensor([8]), settings).tolist() == [4]


def test_special_tokens_are_never_written() -> None:
    log_probs = torch.zeros(1, 6)
    forbid_(log_probs, step=1, limits_N=torch.tensor([9]), nearest_limit=9, min_length=0)
    assert allowed(log_probs) == [[EOS_ID, 4, 5]]
    assert {PAD_ID, UNK_ID, BOS_ID, EOS_ID} == {0, 1, 2, 3}


def test_below_the_minimum_nothing_ends() -> None:
    for step, expected in ((1, [4, 5]), (2, [4, 5]), (3, [EOS_ID, 4, 5])):
        log_probs = torch.zeros(1, 6)
        forbid_(log_probs, step, torch.tensor([9]), nearest_limit=9, min_length=2)
        assert allowed(log_probs) == [expected]


def test_at_the_limit_only_the_end_is_left() -> None:
    log_probs = torch.full((2, 6), -0.5)
    forbid_(log_probs, 3, torch.tensor([3, 4]), nearest_limit=3, min_length=0)
    assert allowed(log_probs) == [[EOS_ID], [EOS_ID, 4, 5]]
    assert log_probs[0, EOS_ID] == -0.5


def test_sentences_leave_when_an_eighth_has_ended() -> None:
    alive = torch.ones(17, dtype=torch.bool)
    assert staying(alive, step=1) is None
    alive[:2] = False
    assert staying(alive, step=1) is None
    alive[:3] = False
    index = staying(alive, step=1)
    assert index is not None
    assert index.tolist() == list(range(3, 17))
