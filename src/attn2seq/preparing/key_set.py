"""A set of 64-bit keys in eight bytes each, where Python's own takes a hundred."""

import numpy as np
from numpy.typing import NDArray

from attn2seq.preparing.keys import Keys

# Longer runs are not merged, since that holds their keys twice.
_LONGEST_RUN = 1 << 19


class KeySet:
    """Sorted runs of keys: short ones are merged, long ones searched one after the other."""

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def add(self, keys: Keys) -> NDArray[np.bool_]:
        """Put keys in; says of each whether it was new, at its first place in `keys`.

        `add([7, 7, 5])` to a set of 5 gives True, False, False.
        """
        distinct, places = np.unique(keys, return_index=True)
        known = np.zeros(len(distinct), bool)
        for run in self._runs:
            found = np.minimum(np.searchsorted(run, distinct), len(run) - 1)
            known |= run[found] == distinct
        new = np.zeros(len(keys), bool)
        new[places[~known]] = True
        if not known.all():
            self._take(distinct[~known])
        return new

    def _take(self, run: Keys) -> None:
        # Each key is merged some twenty times at most, as runs double.
        while self._runs and len(self._runs[-1]) <= 2 * len(run) <= _LONGEST_RUN:
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
