"""An LSTM over padded sentences gives what torch's gives over packed ones."""

import pytest
import torch
from torch import nn

from attn2seq.model.fast.padded_lstm import padded_lstm
from attn2seq.model.recurrent import packed_rnn

LENGTHS, WIDTH, SIZE = torch.tensor([2, 6, 1, 5]), 16, 24


@pytest.mark.parametrize("width", [6, 7], ids=["", "padding past the longest"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_packed_sequences(dtype: torch.dtype, bidirectional: bool, width: int) -> None:
    """Outputs, last states, and the gradients of inputs and of every weight."""
    torch.manual_seed(1)
    lstm = nn.LSTM(WIDTH, SIZE, batch_first=True, bidirectional=bidirectional).to(dtype)
    inputs = torch.randn(4, width, WIDTH).to(dtype).requires_grad_()
    found = []
    for run in (packed_rnn, padded_lstm):
        outputs, (h, c) = run(lstm, inputs, LENGTHS)
        wanted = [inputs, *lstm.parameters()]
        # Squares, so that the gradients of each output and state differ.
        learnt = torch.autograd.grad(sum(part.square().sum() for part in (outputs, h, c)), wanted)
        found.append([outputs, h, c, *learnt])
    packed, padded = found
    close = {"atol": 0.05, "rtol": 0.05} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(padded, packed, **close)
    past = torch.arange(width) >= LENGTHS[:, None]
    assert not padded[0][past].any()
    assert not padded[3][past].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_more_padding_changes_nothing(dtype: torch.dtype) -> None:
    """To the last bit: shut gates let nothing through, and an open one keeps all."""
    torch.manual_seed(2)
    lstm = nn.LSTM(WIDTH, SIZE, batch_first=True, bidirectional=True).to(dtype)
    inputs = torch.randn(4, 20, WIDTH).to(dtype)
    outputs, last = padded_lstm(lstm, inputs[:, :7], LENGTHS)
    longer, longer_last = padded_lstm(lstm, inputs, LENGTHS)
    assert torch.equal(longer[:, :7], outputs)
    assert not longer[:, 7:].any()
    assert all(torch.equal(*pair) for pair in zip(last, longer_last, strict=True))
