"""Dropout: drawn anew at every position, or once for a whole sentence.

Shapes: B batch, T positions, H units.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from attn2seq.model.drawing import drawn, shares


def dropout(x_BTH: Tensor, rate: float, training: bool, over_time: bool) -> Tensor:
    """Sets a share `rate` of the units to zero in training, and scales the others up for it.

    With `over_time` a sentence loses the same units at all of its positions, as variational
    dropout does (Gal and Ghahramani 2016, arXiv 1512.05287).
    """
    if not over_time and x_BTH.device.type != "cpu" and not shares():
        return F.dropout(x_BTH, rate, training)  # in one operation
    mask = step_mask(x_BTH[:, :1] if over_time else x_BTH, rate, training)
    return x_BTH if mask is None else x_BTH * mask


def step_mask(like: Tensor, rate: float, training: bool) -> Tensor | None:
    """What `dropout` multiplies by; for one who goes from position to position, too.

    It has the shape, number type and device of `like`. None where nothing is dropped.
    """
    if not training or rate == 0:
        return None
    return drawn(lambda shape: _mask(shape, like, rate), like.shape)


def _mask(shape: torch.Size, like: Tensor, rate: float) -> Tensor:
    if like.device.type != "cpu":
        return F.dropout(_ones(shape, like), rate)
    # Sixteen random bits a unit: torch's own way on a CPU draws 53 for each, one after the other,
    # and takes several times as long.
    count = shape.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.int16)[:count].view(shape) >= round(rate * 2**16) - 2**15
    return kept.to(like.dtype).mul_(1 / (1 - rate))


def _ones(shape: torch.Size, like: Tensor) -> Tensor:
    """Ones, laid out in memory as `like` is: on a GPU that decides what each unit draws.

    They may be those of a whole batch, of which `like` has some sentences.
    """
    if shape == like.shape:
        return torch.ones_like(like)
    # From the outermost dimension in; equal strides are those of one sentence within positions.
    strides = like.stride()
    order = sorted(range(like.dim()), key=lambda place: (-strides[place], -place))
    return torch.empty_permuted(shape, order, dtype=like.dtype, device=like.device).fill_(1)
