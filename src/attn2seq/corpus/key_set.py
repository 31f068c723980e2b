"""A set of 64-bit keys in eight bytes each, where Python's own takes a hundred."""

import numpy as np
from numpy.typing import NDArray

from attn2seq.corpus.keys import Keys

# Parts of the set, by the first bits of a key: a merge holds the keys of one part twice.
_BITS = 3
_STARTS = np.arange(1 << _BITS, dtype=np.uint64) << np.uint64(64 - _BITS)


class KeySet:
    """In each part sorted runs, each more than twice as long as the next: few to search."""

    def __init__(self) -> None:
        self._parts: list[list[Keys]] = [[] for _ in _STARTS]

    def add(self, keys: Keys) -> NDArray[np.bool_]:
        """Put keys in; says of each whether it was new, at its first place in `keys`.

        `add([7, 7, 5])` to a set of 5 gives True, False, False.
        """
        distinct, places = np.unique(keys, return_index=True)
        cuts = np.searchsorted(distinct, _STARTS[1:])
        shares = np.split(distinct, cuts)
        unknown = [_unknown(*pair) for pair in zip(self._parts, shares, strict=True)]
        for runs, share, new in zip(self._parts, shares, unknown, strict=True):
            _put(runs, share[new])
        is_new = np.zeros(len(keys), bool)
        is_new[places[np.concatenate(unknown)]] = True
        return is_new


def _unknown(runs: list[Keys], keys: Keys) -> NDArray[np.bool_]:
    """Which of the sorted keys are in none of the runs."""
    unknown = np.ones(len(keys), bool)
    for run in runs:
        found = np.minimum(np.searchsorted(run, keys), len(run) - 1)
        unknown &= run[found] != keys
    return unknown


def _put(runs: list[Keys], run: Keys) -> None:
    if not len(run):
        return
    while runs and len(runs[-1]) <= 2 * len(run):
        run = np.sort(np.concatenate([runs.pop(), run]), kind="stable")
    runs.append(run)
