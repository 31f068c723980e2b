"""The samples of a recording: wav, FLAC or NIST SPHERE, as libsndfile reads them, and checked.

A file that is cut short is not always an error to libsndfile, which then reads what there is; so
what the header promises is compared with what comes.
"""

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn2seq.errors import UserError

SUFFIXES = (".flac", ".wav", ".sph")
MAX_BYTES = 1 << 30
"""Of one file; an hour of 16-bit samples at 16 kHz has 115 MB."""
# Share of the samples at the very ends of the scale from which a recording is clipped: loud speech
# touches them here and there, clipped speech stays there.
CLIPPED_SHARE = 0.01
# The window of a frame: with fewer samples there is none.
SHORTEST_S = 0.025
LONGEST_S = 3600
Samples = NDArray[np.float32]
_SAMPLES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Audio:
    """One recording."""

    samples: Samples  # between -1 and 1
    sample_rate: int  # samples per second

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / self.sample_rate


def soundfile() -> Any:
    """The library. Raises UserError where it is not installed."""
    return needed("soundfile")


def needed(name: str) -> Any:
    """A library of the extra `speech`. Raises UserError where it is not installed."""
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # OSError: libsndfile itself is missing
        raise UserError(
            f"recordings need the package {name.replace('_', '-')}, which is not installed: "
            "pip install 'attn2seq[speech]'"
        ) from None


def read_audio(content: bytes, label: str, sample_rate: int | None = None) -> Audio:
    """The recording in the bytes of a file that messages call `label`.

    Raises UserError where it is no audio file, is damaged or cut short, has several channels or
    another sample rate than the one given, is too short for a frame, silent, or clipped.
    """
    library = soundfile()
    try:
        with library.SoundFile(io.BytesIO(content)) as file:
            promised, channels, rate = file.frames, file.channels, file.samplerate
            samples = _samples(file, label)
    except (library.LibsndfileError, RuntimeError) as error:
        reason = str(error).rpartition("Error")[2].strip(" :.") or "unknown format"
        raise UserError(
            f"{label} cannot be read as wav, FLAC or NIST SPHERE ({reason}): it is damaged, cut "
            "short or of another format"
        ) from None
    promised = max(promised, _promised_samples(content, channels))
    if len(samples) < promised:
        raise UserError(
            f"{label} is cut short: {len(samples):,} of {promised:,} samples are there; get it "
            "again"
        )
    if channels != 1:
        raise UserError(
            f"{label} has {channels} channels; mix them to one, or take one of them out"
        )
    if sample_rate is not None and rate != sample_rate:
        raise UserError(
            f"{label} has {rate:,} samples per second, not {sample_rate:,}: resample it, or "
            "correct the sample rate in the catalogue entry"
        )
    audio = Audio(samples[:, 0], rate)
    if audio.seconds < SHORTEST_S:
        raise UserError(
            f"{label} has {len(samples):,} samples, {audio.seconds:.3f} s: a frame alone needs "
            f"{SHORTEST_S} s"
        )
    _check_level(audio.samples, label)
    return audio


def _samples(file: Any, label: str) -> Samples:
    """All samples, one row each: block by block, since a header may promise any number."""
    blocks, count = [], 0
    while len(block := file.read(_SAMPLES_AT_ONCE, dtype="float32", always_2d=True)):
        blocks.append(block)
        count += len(block)
        if count > LONGEST_S * file.samplerate:
            raise UserError(f"{label} is longer than {LONGEST_S:,} s; cut it into sentences")
    found: Samples = np.concatenate([np.zeros((0, file.channels), np.float32), *blocks])
    return found


def write_flac(audio: Audio) -> bytes:
    """The recording as FLAC of 16 bits, in which any recording of up to 16 bits is unchanged."""
    file = io.BytesIO()
    soundfile().write(file, audio.samples, audio.sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _check_level(samples: Samples, label: str) -> None:
    if not np.isfinite(samples).all():
        raise UserError(f"{label} has a sample that is no number; get it again")
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        raise UserError(f"{label} is silent: all of its {len(samples):,} samples are {low:g}")
    ends = float(np.mean(np.abs(samples) >= 1 - 2**-15))
    if ends >= CLIPPED_SHARE:
        raise UserError(
            f"{label} is clipped: {100 * ends:.1f}% of its samples are at the ends of the scale; "
            "record it again at a lower level"
        )


def _promised_samples(content: bytes, channels: int) -> int:
    """How many samples a channel has by the header; 0 where it does not say, as of a stream."""
    if content[:4] == b"RIFF":
        return _promised_by_wav(content)
    if content[:7] == b"NIST_1A":
        for line in content[:1024].split(b"\n"):
            if line.startswith(b"sample_count -i ") and line.split()[-1].isdigit():
                return int(line.split()[-1])
    return 0


def _promised_by_wav(content: bytes) -> int:
    place, block = 12, 0
    while place + 8 <= len(content):
        kind, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        if kind == b"fmt " and place + 22 <= len(content):
            block = struct.unpack_from("<H", content, place + 20)[0]
        if kind == b"data":
            # A program that writes to a pipe does not know the size, and says the largest one.
            return 0 if not block or size >= 0xFFFFFF00 else size // block
        place += 8 + size + size % 2
    return 0
