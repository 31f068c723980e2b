"""The frames of the recordings of a split, in two arrays that are memory-mapped.

As with tokens: recordings of 3 and 2 frames become 5 rows and the offsets `[0, 3, 5]`. A frame of
80 bins costs 160 bytes, an hour of recordings 58 MB.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn2seq.config import validate
from attn2seq.errors import UserError
from attn2seq.features.log_mel import Frames, LogMels, normalised
from attn2seq.features.settings import FRAMES_PER_POSITION, FrameFormat
from attn2seq.whole import write_json

FORMAT = "frames.json"
# What numpy raises on a file that is not its own.
_DAMAGE = (ValueError, EOFError, TypeError, OverflowError, SyntaxError, MemoryError)


class FrameSequences:
    """Recordings as normalised frames, each of which is a matrix (frames, mel bins).

    Lengths are in positions, which four frames make up: what an encoder reads as one token.
    """

    def __init__(self, mels: NDArray[Any], offsets: NDArray[np.int64], form: FrameFormat) -> None:
        self._mels, self._offsets, self.form = mels, offsets, form

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> Frames:
        if not 0 <= index < len(self):
            raise IndexError(f"recording {index} of {len(self)}")
        return normalised(self._mels[self._offsets[index] : self._offsets[index + 1]], self.form)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of positions of each recording."""
        lengths: NDArray[np.int64] = -(-np.diff(self._offsets) // FRAMES_PER_POSITION)
        return lengths

    def first(self, index: int, most: int) -> Frames:
        """The frames of the first `most` positions of a recording."""
        return self[index][: most * FRAMES_PER_POSITION]


class FrameStore(FrameSequences):
    """Recordings on the disk; nothing is loaded before it is asked for."""

    def __init__(self, prefix: Path, form: FrameFormat) -> None:
        """Raises UserError where the files are missing or do not fit each other."""
        mels_path, offsets_path = _paths(prefix)
        mels, offsets = _open(mels_path, 2, np.float16), _open(offsets_path, 1, np.int64)
        fit = len(offsets) and offsets[0] == 0 and offsets[-1] == len(mels)
        if not fit or (np.diff(offsets) <= 0).any() or mels.shape[1] != form.mel_bins:
            raise UserError(
                f"{mels_path} and {offsets_path} do not fit {FORMAT}; run tokenize again"
            )
        super().__init__(mels, offsets, form)


class FrameStatistics:
    """Mean and deviation of each band, over frames that are shown one recording at a time."""

    def __init__(self, mel_bins: int) -> None:
        self._count, self._sums = 0, np.zeros((2, mel_bins))

    def add(self, mels: LogMels) -> None:
        """Take in the frames of a recording."""
        values = mels.astype(np.float64)
        self._count += len(values)
        self._sums += values.sum(axis=0), np.square(values).sum(axis=0)

    def watching(self, recordings: Iterable[LogMels]) -> Iterator[LogMels]:
        """The same recordings, each of which is taken in as it goes by."""
        for mels in recordings:
            self.add(mels)
            yield mels

    def form(self, sample_rate: int) -> FrameFormat:
        """The format of the frames; a band that never changes is left at its scale."""
        mean, square = self._sums / self._count
        deviation = np.sqrt(np.maximum(square - np.square(mean), 0))
        return FrameFormat(
            sample_rate=sample_rate,
            mel_bins=len(mean),
            mean=mean.round(6).tolist(),
            deviation=np.where(deviation < 1e-3, 1.0, deviation).round(6).tolist(),
        )


def write_frame_store(prefix: Path, recordings: Iterable[LogMels], mel_bins: int) -> int:
    """Write `<prefix>.mels.npy` and `<prefix>.offsets.npy`, a recording at a time.

    Returns the number of frames.
    """
    mels_path, offsets_path = _paths(prefix)
    offsets = [0]
    with mels_path.open("wb") as file:
        _write_header(file, 0, mel_bins)
        for mels in recordings:
            mels.tofile(file)
            offsets.append(offsets[-1] + len(mels))
        file.seek(0)  # a header keeps room for any length
        _write_header(file, offsets[-1], mel_bins)
    np.save(offsets_path, np.array(offsets, np.int64), allow_pickle=False)
    return offsets[-1]


def write_frame_format(folder: Path, form: FrameFormat) -> None:
    """Write `frames.json`, by which others know that the sources of the folder are frames."""
    write_json(folder / FORMAT, form.model_dump())


def read_frame_format(folder: Path) -> FrameFormat | None:
    """The format of the sources in a tokenized folder; None where they are texts."""
    path = folder / FORMAT
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{path} is damaged; run tokenize again") from None
    form = validate({"frames": FrameFormat}, {"frames": values}, str(path))["frames"]
    assert isinstance(form, FrameFormat)
    return form


def speed_prefix(prefix: Path, place: int) -> Path:
    """Where the recordings lie at the speed that is at `place` in `features.speeds`."""
    return prefix if place == 0 else prefix.with_name(f"{prefix.name}.speed{place}")


def _write_header(file: Any, length: int, mel_bins: int) -> None:
    header = {"descr": "<f2", "fortran_order": False, "shape": (length, mel_bins)}
    np.lib.format.write_array_header_1_0(file, header)


def _open(path: Path, dimensions: int, kind: type[Any]) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.lib.format.open_memmap(path, mode="r").view(np.ndarray)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; the tokenize stage writes it") from None
    except _DAMAGE:
        raise UserError(f"{path} is damaged; run tokenize again") from None
    if values.ndim != dimensions or values.dtype != kind:
        raise UserError(
            f"{path} is damaged (it holds {values.dtype} in {values.ndim} dimensions); run "
            "tokenize again"
        )
    return values


def _paths(prefix: Path) -> tuple[Path, Path]:
    return prefix.with_name(prefix.name + ".mels.npy"), prefix.with_name(
        prefix.name + ".offsets.npy"
    )


def stacked(
    frames: Sequence[Frames], longest: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Recordings in one array (B, S, mel bins), zeros behind the end of each; and their lengths.

    S is the length of the longest, or `longest` where that is more.
    """
    lengths = np.array([len(matrix) for matrix in frames], np.int64)
    padded = np.zeros(
        (len(frames), max(longest, int(lengths.max())), frames[0].shape[1]), np.float32
    )
    for row, matrix in zip(padded, frames, strict=True):
        row[: len(matrix)] = matrix
    return padded, lengths
