"""Log-mel frames: for each hundredth of a second, how much energy is in each band of frequencies.

By kaldi-native-fbank, with Kaldi's definitions: windows of 25 ms, pre-emphasis of 0.97, and no
dither, which would be random.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn2seq.features.audio import Audio, needed
from attn2seq.features.settings import FRAME_SHIFT_S, FrameFormat

LogMels = NDArray[np.float16]  # frames in rows
Frames = NDArray[np.float32]
# Kaldi's scale of samples, so that a quiet room lies above what its logarithm is bounded by.
_FULL_SCALE = 32768.0
# Crossings of zero on either side that the filter of `at_speed` reaches to.
_CROSSINGS = 12


def log_mels(audio: Audio, mel_bins: int) -> LogMels:
    """The logarithm of the energy in each band, a row for each frame.

    In float16, which holds three digits, whether they are kept or used at once: so a model reads
    the same numbers in training and after it.
    """
    fbank = needed("kaldi_native_fbank").OnlineFbank(_options(audio.sample_rate, mel_bins))
    fbank.accept_waveform(audio.sample_rate, audio.samples * _FULL_SCALE)
    fbank.input_finished()
    frames = [fbank.get_frame(place) for place in range(fbank.num_frames_ready)]
    return np.stack(frames).astype(np.float16)


def normalised(mels: LogMels, form: FrameFormat) -> Frames:
    """Each band with the training recordings' mean 0 and deviation 1."""
    mean, deviation = _statistics(tuple(form.mean), tuple(form.deviation))
    frames: Frames = (mels.astype(np.float32) - mean) / deviation
    return frames


def at_speed(audio: Audio, speed: float) -> Audio:
    """The recording played faster (above 1) or slower; its pitch changes with it.

    Band-limited interpolation with a windowed sinc (Smith and Gossett 1984): samples at the times
    0, speed, 2 speed, ..., low-pass filtered so that nothing folds back.
    """
    if speed == 1:
        return audio
    exact = Fraction(speed).limit_denominator(1000)
    step, phases = exact.numerator, exact.denominator
    cutoff = min(1.0, phases / step)
    reach = math.ceil(_CROSSINGS / cutoff)
    padded = np.pad(audio.samples.astype(np.float64), reach + step)
    count = len(audio.samples) * phases // step
    samples = np.empty(count)
    # Sample n lies at n * step / phases: what comes after the point repeats with n.
    for phase in range(min(phases, count)):
        whole, rest = divmod(phase * step, phases)
        places = np.arange(-reach, reach + 2)
        away = rest / phases - places
        window = np.cos(np.clip(away / (reach + 1), -1, 1) * np.pi / 2) ** 2
        weights = cutoff * np.sinc(cutoff * away) * window
        part = samples[phase::phases]
        part[:] = 0
        for place, weight in zip(places.tolist(), weights.tolist(), strict=True):
            part += weight * padded[reach + step + whole + place :: step][: len(part)]
    return Audio(samples.astype(np.float32), audio.sample_rate)


def _options(sample_rate: int, mel_bins: int) -> Any:
    options = needed("kaldi_native_fbank").FbankOptions()
    options.frame_opts.samp_freq = float(sample_rate)
    options.frame_opts.frame_shift_ms = 1000 * FRAME_SHIFT_S
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = mel_bins
    return options


@lru_cache(maxsize=16)
def _statistics(mean: tuple[float, ...], deviation: tuple[float, ...]) -> tuple[Frames, Frames]:
    return np.array(mean, np.float32), np.array(deviation, np.float32)
