"""Numbers that stand for texts: eight bytes each, whatever their length."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array

Keys = NDArray[np.uint64]


def text_key(text: str, seed: int = 0) -> int:
    """64 bits that stand for a text: the same in every process, another draw for each seed."""
    salt = seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, salt=salt).digest())


def text_keys(texts: Iterable[str]) -> Keys:
    """64 bits for each text, by SipHash: the same in every process.

    Among ten million texts, the chance that two share a key is one in 400,000.
    """
    return hash_array(np.array([*texts], object), categorize=False)


def pair_keys(pairs: Iterable[tuple[str, str]]) -> Keys:
    """64 bits for each pair of normalised texts."""
    # They hold no line feed, so that it can part them.
    return text_keys(f"{src}\n{tgt}" for src, tgt in pairs)
