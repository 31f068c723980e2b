"""Training pairs whose texts are cut anew for each epoch.

What an epoch holds follows from the seed, the epoch and each pair alone, so that it is the same
after a resume. It is made while the epoch before is trained, in a thread of its own.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from attn2seq.batching.batch import Pairs
from attn2seq.segmentation.counter_random import Words, stream
from attn2seq.tokenization.token_store import TokenSequences

SIDES = ("src", "tgt")
# Lines cut at a time: what a thread that is to end still finishes.
_CHUNK_LINES = 1000
# Keeps these draws apart from others that a seed may be used for.
_PURPOSE = 1


class Sampler(Protocol):
    """Cuts lines anew: BpeDropout, NbestSampling."""

    def sample(
        self, lines: Sequence[NDArray[Any]], numbers: NDArray[np.int64], key: Words
    ) -> list[NDArray[np.int64]]:
        """The new ids of each line, which follow from its number and `key`."""
        ...


class ResampledPairs:
    """Called with an epoch, counted from 0, it gives that epoch's pairs. Used in a `with` block,
    since it keeps a thread.
    """

    def __init__(
        self,
        pairs: Pairs,
        samplers: Mapping[str, Sampler],
        seed: int,
        max_tokens: int,
        epochs: int,
    ) -> None:
        """`samplers` has one for each side that is cut anew. A text that is longer than
        `max_tokens` or would become so stays as it is, so that each epoch has the same pairs.
        `epochs` is the number after which none is made ahead.
        """
        self._pairs, self._samplers = pairs, samplers
        self._seed, self._max_tokens, self._epochs = seed, max_tokens, epochs
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="segmentation")
        self._ahead: dict[int, Future[Pairs]] = {}
        self._ended = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.shutdown(cancel_futures=True)

    def __call__(self, epoch: int) -> Pairs:
        made = self._ahead.pop(epoch, None) or self._thread.submit(self._make, epoch)
        pairs = made.result()
        if epoch + 1 < self._epochs:
            self._ahead = {epoch + 1: self._thread.submit(self._make, epoch + 1)}
        return pairs

    def _make(self, epoch: int) -> Pairs:
        src = self._pairs.src
        if isinstance(src, TokenSequences):  # and not recordings
            src = self._resample(src, "src", epoch)
        return Pairs(src, self._resample(self._pairs.tgt, "tgt", epoch))

    def _resample(self, lines: TokenSequences, side: str, epoch: int) -> TokenSequences:
        if side not in self._samplers:
            return lines
        key = stream(_PURPOSE, self._seed, epoch, SIDES.index(side))
        chunks, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(lines), _CHUNK_LINES):
            if self._ended.is_set():
                raise CancelledError
            end = min(start + _CHUNK_LINES, len(lines))
            rows: list[NDArray[Any]] = [lines[number] for number in range(start, end)]
            short = [place for place, row in enumerate(rows) if len(row) <= self._max_tokens]
            drawn = self._samplers[side].sample(
                [rows[place] for place in short], np.array(short, np.int64) + start, key
            )
            for place, new in zip(short, drawn, strict=True):
                if len(new) <= self._max_tokens:
                    rows[place] = new
            chunks.append(np.concatenate(rows).astype(np.int32))
            lengths.append(np.array([len(row) for row in rows]))
        return TokenSequences(np.concatenate(chunks), np.cumsum(np.concatenate(lengths)))
