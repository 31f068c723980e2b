"""Random numbers that are a function of their place: no state, any order, the same everywhere.

A counter goes through the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable
pseudorandom number generators", figure 17). So what is drawn for a line depends neither on the
lines before it, nor on how the work is shared out, nor on where a resumed training begins.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def stream(*parts: int) -> Words:
    """The stream of numbers that belongs to these parts, such as seed, epoch and side."""
    key = np.zeros(1, np.uint64)
    for part in parts:
        key = substream(key, np.array([part], np.uint64))
    return key


def substream(key: Words, number: NDArray[Any]) -> Words:
    """A stream of its own for each number, within the given one."""
    return _mixed(_mixed(key) + number.astype(np.uint64))


def uniforms(key: Words, counters: NDArray[Any]) -> NDArray[np.float64]:
    """The numbers of a stream at these places, at least 0 and below 1, in steps of 2**-53."""
    bits: NDArray[np.uint64] = _mixed(key + counters.astype(np.uint64) * _GAMMA)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(words: Words) -> Words:
    """Each bit of the outcome hangs on each bit of the word; the first step is never zero."""
    words = words + _GAMMA
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))
