"""Random numbers for a batch whose sentences several processes share.

Each process draws for all sentences of the batch, and takes what is for its own. So what a sentence
gets does not depend on the number of processes, nor does the state that the generators are left in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """What one of several processes has of a batch."""

    rows: slice  # its sentences, among those of the batch
    of: int  # the sentences of the batch
    idle: bool  # the batch has fewer sentences than there are processes: it only draws


_SHARE: Share | None = None


@contextmanager
def drawing(share: Share | None) -> Iterator[None]:
    """Within the block `drawn` draws for the batch that this is a share of; None: for all of it.

    Like torch's generators, it holds for the process.
    """
    global _SHARE
    before, _SHARE = _SHARE, share
    try:
        yield
    finally:
        _SHARE = before


def shares() -> bool:
    """Whether this process has only a share of the batch."""
    return _SHARE is not None


def drawn(draw: Callable[[torch.Size], Tensor], shape: torch.Size) -> Tensor:
    """`draw` of that shape, whose first dimension is the sentences of this process."""
    if _SHARE is None:
        return draw(shape)
    return draw(torch.Size((_SHARE.of, *shape[1:])))[_SHARE.rows]
