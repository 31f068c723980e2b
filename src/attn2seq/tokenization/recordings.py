"""From prepared recordings to frames: of each split, and of train at each speed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from attn2seq.ahead import ahead
from attn2seq.features.frame_store import (
    FrameStatistics,
    speed_prefix,
    write_frame_format,
    write_frame_store,
)
from attn2seq.features.log_mel import LogMels, at_speed, log_mels
from attn2seq.features.prepared_audio import audio_at, recording_file
from attn2seq.features.settings import FRAME_SHIFT_S, FeatureSettings


def write_frames(
    prepared: Path,
    folder: Path,
    settings: FeatureSettings,
    sample_rate: int,
    say: Callable[[str], None],
) -> None:
    """Write the frames of all splits into the folder, and their format, `frames.json`.

    Mean and deviation are those of train at its own speed. Raises UserError.
    """
    statistics = FrameStatistics(settings.mel_bins)
    for split in ("train", "dev", "test"):
        table = pq.read_table(prepared / f"{split}.parquet", columns=["src"])
        paths = [recording_file(prepared, name) for name in table.column(0).to_pylist()]
        for place, speed in enumerate(settings.speeds if split == "train" else [1.0]):
            recordings = _mels(paths, speed, settings, sample_rate)
            if split == "train" and place == 0:
                recordings = statistics.watching(recordings)
            prefix = speed_prefix(folder / f"{split}.src", place)
            count = write_frame_store(prefix, recordings, settings.mel_bins)
            at = "" if speed == 1 else f" at speed {speed:g}"
            say(
                f"{split}{at}: {len(paths):,} recordings, {count:,} frames of "
                f"{settings.mel_bins} mel bins, {count * FRAME_SHIFT_S / 60:.1f} minutes"
            )
    write_frame_format(folder, statistics.form(sample_rate))


def _mels(
    paths: list[Path], speed: float, settings: FeatureSettings, sample_rate: int
) -> Iterator[LogMels]:
    """Those of each file in turn, made while the ones before are written."""

    def made(path: Path) -> LogMels:
        return log_mels(at_speed(audio_at(path, sample_rate), speed), settings.mel_bins)

    return (mels for _, mels in ahead(paths, made))
