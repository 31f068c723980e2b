"""What stands between the frames of recordings and the encoder: one position for four frames.

Shapes: B batch, S frames, F mel bins, P positions (S / 4, rounded up), E embedding, C channels,
H units of both directions.
"""

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from attn2seq.features.settings import FrameSource
from attn2seq.model.cells import past_ends
from attn2seq.model.recurrent import RecurrentLayer

FrontEnd = nn.Module  # from (frames_BSF, lengths_B on the CPU) to (embedded_BPE, lengths_B)
Number = TypeVar("Number", int, Tensor)


class ConvolutionFrontEnd(nn.Module):
    """Two convolutions of stride 2 over time and pitch, then a linear layer.

    As in front of the encoder of Dong, Xu and Xu 2018 ("Speech-Transformer"), section 3.2. What
    lies behind a recording's end is zero to each layer, so that padding changes nothing.
    """

    def __init__(self, mel_bins: int, channels: int, embedding_size: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, kernel_size=3, stride=2, padding=1)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, stride=2, padding=1)
        self.joined = nn.Linear(channels * halved(halved(mel_bins)), embedding_size)
        for convolution in (self.first, self.second):
            _keep_scale(convolution, "relu")
        _keep_scale(self.joined, "linear")

    def forward(self, frames_BSF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder reads, `embedded_BPE`, and how many positions each recording has."""
        x_BCSF = frames_BSF.unsqueeze(1)
        for convolution in (self.first, self.second):
            lengths_B = halved(lengths_B)
            x_BCSF = torch.relu(convolution(x_BCSF))
            beyond_BS1 = past_ends(x_BCSF[:, 0], lengths_B.to(x_BCSF.device, non_blocking=True))
            x_BCSF = x_BCSF.masked_fill(beyond_BS1.unsqueeze(1), 0)
        embedded_BPE: Tensor = self.joined(x_BCSF.transpose(1, 2).flatten(2))
        return embedded_BPE, lengths_B


class PyramidFrontEnd(nn.Module):
    """Two bidirectional LSTM layers, each of which joins two positions to one.

    Section 3.1 in Chan et al. 2016, arXiv 1508.01211 ("Listen, Attend and Spell"): a layer reads
    the outputs of the one below in pairs. The encoder's first layer is the next of the pyramid.
    """

    def __init__(self, mel_bins: int, units: int, embedding_size: int) -> None:
        super().__init__()
        self.first = RecurrentLayer("lstm", mel_bins, units, bidirectional=True)
        self.second = RecurrentLayer("lstm", 4 * units, units, bidirectional=True)
        self.joined = nn.Linear(4 * units, embedding_size)
        _keep_scale(self.joined, "linear")

    def forward(self, frames_BSF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder reads, `embedded_BPE`, and how many positions each recording has."""
        hidden_BSH = frames_BSF
        for layer in (self.first, self.second):
            outputs_BSH, _ = layer(hidden_BSH, None, lengths_B)
            hidden_BSH, lengths_B = paired(outputs_BSH), halved(lengths_B)
        embedded_BPE: Tensor = self.joined(hidden_BSH)
        return embedded_BPE, lengths_B


def make_front_end(source: FrameSource, embedding_size: int) -> FrontEnd:
    """A fresh module."""
    kind = ConvolutionFrontEnd if source.front_end == "convolution" else PyramidFrontEnd
    return kind(source.frames.mel_bins, source.front_end_size, embedding_size)


def _keep_scale(layer: nn.Conv2d | nn.Linear, then: Literal["relu", "linear"]) -> None:
    """Draw weights that give outputs the variance of inputs (He et al. 2015, section 2.2).

    By torch's own the encoder would hardly hear anything at first (docs/experiments.md).
    """
    nn.init.kaiming_normal_(layer.weight, nonlinearity=then)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


def paired(outputs_BSH: Tensor) -> Tensor:
    """Two positions after each other as one of twice as many units; an odd end gets zeros."""
    outputs_BSH = nn.functional.pad(outputs_BSH, (0, 0, 0, outputs_BSH.shape[1] % 2))
    pairs_BPH: Tensor = outputs_BSH.unflatten(1, (-1, 2)).flatten(2)
    return pairs_BPH


def halved(length: Number) -> Number:
    """Half of a length, rounded up."""
    return (length + 1) // 2
