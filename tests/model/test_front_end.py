"""What stands between frames and the encoder: lengths, padding, and the plain equations."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from attn2seq.features.settings import FrameFormat, FrameSource, positions
from attn2seq.model.front_end import (
    ConvolutionFrontEnd,
    PyramidFrontEnd,
    halved,
    make_front_end,
    paired,
)
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import PAD_ID, UNK_ID

KINDS = ["convolution", "pyramid"]
LENGTHS = [13, 8, 7, 1]


def source_of(kind: str, bins: int = 10) -> FrameSource:
    form = FrameFormat(sample_rate=8000, mel_bins=bins, mean=[0.0] * bins, deviation=[1.0] * bins)
    return FrameSource.model_validate({"frames": form, "front_end": kind, "front_end_size": 6})


def frames() -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    frames_BSF = torch.randn(len(LENGTHS), max(LENGTHS), 10)
    for row, length in zip(frames_BSF, LENGTHS, strict=True):
        row[length:] = 0
    return frames_BSF, torch.tensor(LENGTHS)


@pytest.mark.parametrize("kind", KINDS)
def test_four_frames_are_a_position(kind: str) -> None:
    frames_BSF, lengths_B = frames()
    embedded, found_B = make_front_end(source_of(kind), 16)(frames_BSF, lengths_B)
    assert found_B.tolist() == [positions(length) for length in LENGTHS] == [4, 2, 2, 1]
    assert embedded.shape == (4, 4, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_other_recordings_of_a_batch_change_nothing(kind: str) -> None:
    torch.manual_seed(1)
    front_end = make_front_end(source_of(kind), 16)
    frames_BSF, lengths_B = frames()
    together, _ = front_end(frames_BSF, lengths_B)
    for row, length in enumerate(LENGTHS):
        alone, (count,) = front_end(frames_BSF[row : row + 1, :length], lengths_B[row : row + 1])
        torch.testing.assert_close(alone[0], together[row, : int(count)], atol=1e-5, rtol=1e-5)


def test_fresh_convolutions_keep_the_scale_of_frames() -> None:
    """torch's own weights make a seventh of it, of which most is the same at all positions."""
    torch.manual_seed(1)
    frames_BSF = torch.randn(8, 60, 10)
    embedded, _ = make_front_end(source_of("convolution"), 64)(frames_BSF, torch.tensor([60] * 8))
    assert 0.5 < float(embedded.detach().std(1).mean()) < 1.5


def test_convolutions_equal_the_equation() -> None:
    """y[c, t, f] = relu(b + sum over 3 x 3 of w x[2t + i - 1, 2f + j - 1]), twice, then linear."""
    torch.manual_seed(2)
    front_end = ConvolutionFrontEnd(10, 3, 5).double()
    x = torch.randn(1, 9, 10).double()
    found, _ = front_end(x, torch.tensor([9]))

    def plain(x_CSF: Tensor, layer: nn.Conv2d) -> Tensor:
        _, frames, bins = x_CSF.shape
        y = torch.zeros(3, (frames + 1) // 2, (bins + 1) // 2).double()
        assert layer.bias is not None
        for c in range(3):
            for t in range(y.shape[1]):
                for f in range(y.shape[2]):
                    total = layer.bias[c].clone()
                    for i in range(3):
                        for j in range(3):
                            s, p = 2 * t + i - 1, 2 * f + j - 1
                            if 0 <= s < frames and 0 <= p < bins:
                                total = total + layer.weight[c, :, i, j] @ x_CSF[:, s, p]
                    y[c, t, f] = total.clamp(min=0)
        return y

    y = plain(plain(x, front_end.first), front_end.second)
    expected = front_end.joined(y.transpose(0, 1).flatten(1))
    torch.testing.assert_close(found[0], expected)


def test_the_pyramid_reads_outputs_in_pairs() -> None:
    torch.manual_seed(2)
    front_end = PyramidFrontEnd(4, 3, 5)
    x = torch.randn(1, 8, 4)
    found, (count,) = front_end(x, torch.tensor([8]))
    below, _ = front_end.first(x, None)
    pairs = torch.stack([torch.cat([below[0, i], below[0, i + 1]]) for i in (0, 2, 4, 6)])
    above, _ = front_end.second(pairs.unsqueeze(0), None)
    pairs = torch.stack([torch.cat([above[0, i], above[0, i + 1]]) for i in (0, 2)])
    torch.testing.assert_close(found[0], front_end.joined(pairs))
    assert int(count) == 2


def test_an_odd_end_is_paired_with_zeros() -> None:
    assert paired(torch.ones(1, 3, 1)).tolist() == [[[1, 1], [1, 0]]]
    assert [halved(length) for length in (1, 2, 3, 4)] == [1, 1, 2, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_knows_which_positions_are_real(
    model_settings: Callable[..., ModelSettings], kind: str
) -> None:
    model = Seq2Seq(model_settings(), 0, 20, source_of(kind)).eval()
    assert model.src_vocabulary_size == 0
    encoded = model.encode(*frames())
    real = [[UNK_ID] * count + [PAD_ID] * (4 - count) for count in (4, 2, 2, 1)]
    assert encoded.src_BS.tolist() == real
    assert encoded.src_mask_BS.sum(1).tolist() == [4, 2, 2, 1]
    weights = model.decode_step(torch.full((4,), 2), model.initial_state(encoded), encoded)[1]
    assert weights is not None
    assert not weights[~encoded.src_mask_BS].any()


def test_a_transformer_reads_recordings_too(model_settings: Callable[..., ModelSettings]) -> None:
    settings = model_settings(encoder="transformer", encoder_hidden_size=16, embedding_size=16)
    encoded = Seq2Seq(settings, 0, 20, source_of("convolution")).eval().encode(*frames())
    assert encoded.enc_states_BSH.shape == (4, 4, 16)
