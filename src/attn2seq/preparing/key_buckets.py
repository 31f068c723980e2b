"""Counts repeats among more keys than memory should hold: first into buckets, then one at a time.

All pairs of a source fall into one bucket, so that each can be counted without the others.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BITS = 5


@dataclass(frozen=True)
class Repeats:
    """What stands more than once."""

    pairs: int  # occurrences of a pair beyond its first
    distinct_sources: int
    sources_with_several_targets: int  # which differ


class KeyBuckets:
    """Keys of sources and pairs, in files that are the caller's to remove."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / f"{number}.keys" for number in range(1 << _BITS)]

    def add(self, keys_N2: NDArray[np.uint64]) -> None:
        """Append rows of a source's key and that of its pair with a target."""
        buckets = keys_N2[:, 0] >> np.uint64(64 - _BITS)
        for number in np.unique(buckets):
            with self._paths[int(number)].open("ab") as file:
                file.write(keys_N2[buckets == number].tobytes())

    def repeats(self) -> Repeats:
        """Counted over all that was added."""
        repeated = sources = several = 0
        for path in self._paths:
            if not path.exists():
                continue
            keys_N2 = np.fromfile(path, np.uint64).reshape(-1, 2)
            distinct, places = np.unique(keys_N2[:, 1], return_index=True)
            _, targets = np.unique(keys_N2[places, 0], return_counts=True)
            repeated += len(keys_N2) - len(distinct)
            sources += len(targets)
            several += int((targets > 1).sum())
        return Repeats(repeated, sources, several)
