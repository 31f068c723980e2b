import torch

from attn2seq.decoding.search import Trace
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, PAD_ID


def test_paths_are_followed_through_rows_that_move_and_leave() -> None:
    # Call 1: rows 0 and 1 read bos. Call 2: row 0 reads 5 after row 1, row 1 reads 6 after row 0.
    # Call 3: one row is left, it reads 7 after row 1.
    trace = Trace()
    trace.note(torch.tensor([BOS_ID, BOS_ID]), torch.tensor([0, 1]), torch.tensor([[0.1], [0.2]]))
    trace.note(torch.tensor([5, 6]), torch.tensor([1, 0]), torch.tensor([[0.3], [0.4]]))
    trace.note(torch.tensor([7]), torch.tensor([1]), torch.tensor([[0.5]]))

    tokens, weights = trace.follow(torch.tensor([3, 2, 1]), torch.tensor([0, 0, 1]))

    assert tokens.tolist() == [[6, 7, EOS_ID], [5, EOS_ID, PAD_ID], [EOS_ID, PAD_ID, PAD_ID]]
    assert weights is not None
    expected = torch.tensor([[0.1, 0.4, 0.5], [0.2, 0.3, 0.0], [0.2, 0.0, 0.0]])
    assert torch.equal(weights.squeeze(-1), expected)


def test_no_weights_where_none_were_noted() -> None:
    trace = Trace()
    trace.note(torch.tensor([BOS_ID]), torch.tensor([0]), None)
    tokens, weights = trace.follow(torch.tensor([1]), torch.tensor([0]))
    assert tokens.tolist() == [[EOS_ID]]
    assert weights is None
