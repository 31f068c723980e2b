"""Dropout: drawn anew at every position, or once for a whole sentence.

Shapes: B batch, T positions, H units.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def dropout(x_BTH: Tensor, rate: float, training: bool, over_time: bool) -> Tensor:
    """Sets a share `rate` of the units to zero in training, and scales the others up for it.

    With `over_time` a sentence loses the same units at all of its positions, as variational
    dropout does (Gal and Ghahramani 2016, arXiv 1512.05287).
    """
    if not over_time:
        return F.dropout(x_BTH, rate, training)
    mask_BH = step_mask(x_BTH[:, 0], rate, training)
    return x_BTH if mask_BH is None else x_BTH * mask_BH.unsqueeze(1)


def step_mask(like_BH: Tensor, rate: float, training: bool) -> Tensor | None:
    """What `dropout` multiplies every position by, for one who goes from position to position.

    It has the shape, number type and device of `like_BH`. None where nothing is dropped.
    """
    if not training or rate == 0:
        return None
    return F.dropout(torch.ones_like(like_BH), rate)
