"""Log-mel frames against their definition; how they are kept, normalised and varied."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn2seq.errors import UserError
from attn2seq.features.audio import Audio
from attn2seq.features.augment import LONGEST_SHARE, AugmentedFrames, mask
from attn2seq.features.frame_store import (
    FrameSequences,
    FrameStatistics,
    FrameStore,
    read_frame_format,
    stacked,
    write_frame_format,
    write_frame_store,
)
from attn2seq.features.log_mel import at_speed, log_mels, normalised
from attn2seq.features.settings import FeatureSettings, FrameFormat, positions

RATE = 8000


def tone(hertz: float, seconds: float = 0.5) -> Audio:
    times = np.arange(int(RATE * seconds)) / RATE
    return Audio((0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32), RATE)


def settings(**changes: Any) -> FeatureSettings:
    values = {
        "mel_bins": 20, "front_end": "convolution", "front_end_size": 4, "speeds": [1.0],
        "frequency_masks": 0, "frequency_mask_bins": 4, "time_masks": 0, "time_mask_frames": 10,
    }  # fmt: skip
    return FeatureSettings.model_validate(values | changes)


def plain_log_mels(audio: Audio, bins: int) -> Any:
    """The definition of Kaldi's filter banks, a frame at a time, in float64."""
    window, shift = RATE * 25 // 1000, RATE // 100
    size = 1 << (window - 1).bit_length()
    shape = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / (window - 1))) ** 0.85

    def mel(hertz: Any) -> Any:
        return 1127 * np.log1p(hertz / 700)

    edges = np.linspace(mel(20), mel(RATE / 2), bins + 2)
    at = mel(np.arange(size // 2) * RATE / size)
    rows = []
    for start in range(0, len(audio.samples) - window + 1, shift):
        part = audio.samples[start : start + window].astype(np.float64) * 32768
        part = part - part.mean()
        part = part - 0.97 * np.concatenate([part[:1], part[:-1]])
        power = np.abs(np.fft.rfft(part * shape, size)[:-1]) ** 2
        rows.append(
            [
                np.log(
                    max(
                        np.finfo(np.float32).eps,
                        (
                            power
                            * np.clip(
                                np.minimum(
                                    (at - low) / (middle - low), (high - at) / (high - middle)
                                ),
                                0,
                                None,
                            )
                        ).sum(),
                    )
                )
                for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False)
            ]
        )
    return np.array(rows)


def test_frames_equal_their_definition() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 4000).astype(np.float32)
    found = log_mels(Audio(noise, RATE), 20)
    assert found.shape == (48, 20)  # 0.5 s, less the rest of the last window
    np.testing.assert_allclose(found, plain_log_mels(Audio(noise, RATE), 20), atol=0.02)


def test_a_higher_tone_is_in_a_higher_band_and_frames_repeat() -> None:
    bands = [int(log_mels(tone(hertz), 20).mean(axis=0).argmax()) for hertz in (300, 900, 2500)]
    assert bands == sorted(set(bands))
    assert (log_mels(tone(300), 20) == log_mels(tone(300), 20)).all()  # no dither


@pytest.mark.parametrize("speed", [0.9, 1.1, 1.25])
def test_a_recording_played_faster_has_fewer_samples_and_a_higher_pitch(speed: float) -> None:
    found = at_speed(tone(500), speed)
    assert len(found.samples) == int(4000 / speed)
    inner = slice(200, -200)
    expected = tone(500 * speed, 0.7).samples[: len(found.samples)]
    np.testing.assert_allclose(found.samples[inner], expected[inner], atol=3e-3)


def test_what_a_faster_recording_cannot_hold_is_filtered_out() -> None:
    """A tone above half the sample rate would fold back to a lower pitch."""
    assert np.abs(at_speed(tone(3900), 1.25).samples[200:-200]).max() < 0.01


def store(tmp_path: Path, count: int = 3, bins: int = 20) -> FrameStore:
    generator = np.random.default_rng(4)
    mels = [
        generator.normal(5, 2, (length, bins)).astype(np.float16)
        for length in generator.integers(5, 40, count)
    ]
    statistics = FrameStatistics(bins)
    for each in mels:
        statistics.add(each)
    write_frame_store(tmp_path / "train.src", mels, bins)
    write_frame_format(tmp_path, statistics.form(RATE))
    form = read_frame_format(tmp_path)
    assert form is not None
    return FrameStore(tmp_path / "train.src", form)


def test_a_store_gives_back_frames_of_mean_0_and_deviation_1(tmp_path: Path) -> None:
    found = store(tmp_path)
    assert len(found) == 3
    frames = np.concatenate([found[index] for index in range(3)])
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-4)
    assert [positions(len(found[index])) for index in range(3)] == found.lengths.tolist()
    assert len(found.first(0, 1)) == 4
    with pytest.raises(IndexError):
        found[3]


def test_a_store_that_does_not_fit_is_told(tmp_path: Path) -> None:
    found = store(tmp_path)
    (tmp_path / "train.src.offsets.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match=r"train.src.offsets.npy is damaged; run tokenize again"):
        FrameStore(tmp_path / "train.src", found.form)
    np.save(tmp_path / "train.src.offsets.npy", np.array([0, 7]))
    with pytest.raises(UserError, match="do not fit"):
        FrameStore(tmp_path / "train.src", found.form)
    with pytest.raises(UserError, match=r"dev.src.mels.npy is missing"):
        FrameStore(tmp_path / "dev.src", found.form)
    (tmp_path / "frames.json").write_text('{"mel_bins": 20}')
    with pytest.raises(UserError, match=r"frames.json.*\n.*sample_rate"):
        read_frame_format(tmp_path)


def test_no_format_means_texts(tmp_path: Path) -> None:
    assert read_frame_format(tmp_path) is None


def test_a_band_that_never_changes_is_not_divided_by_nothing() -> None:
    statistics = FrameStatistics(8)
    statistics.add(np.full((3, 8), 2.5, np.float16))
    form = statistics.form(RATE)
    assert normalised(np.full((1, 8), 2.5, np.float16), form).tolist() == [[0.0] * 8]


def test_stacking_fills_up_with_zeros() -> None:
    padded, lengths = stacked([np.ones((2, 3), np.float32), np.ones((1, 3), np.float32)])
    assert padded[:, :, 0].tolist() == [[1, 1], [1, 0]]
    assert lengths.tolist() == [2, 1]


def test_masks_are_bands_and_stretches_within_their_bounds() -> None:
    frames = np.ones((50, 20), np.float32)
    seen = set()
    for key in range(300):
        masked = mask(frames, settings(frequency_masks=1, frequency_mask_bins=4), [key])
        rows = (masked == 0).all(axis=0)
        seen.add(int(rows.sum()))
        assert (masked == ~rows).all()
        masked = mask(frames, settings(time_masks=1, time_mask_frames=40), [key])
        columns = (masked == 0).all(axis=1)
        assert columns.sum() <= LONGEST_SHARE * 50
        assert (masked == ~columns[:, None]).all()
        assert abs(np.diff(columns.astype(int))).sum() <= 2  # one stretch
    assert seen == {0, 1, 2, 3, 4}
    assert (frames == 1).all()


def test_an_epoch_follows_from_seed_epoch_and_recording_alone(tmp_path: Path) -> None:
    once = store(tmp_path, 30)
    (tmp_path / "slow").mkdir()
    slow = FrameStore(tmp_path / "train.src", once.form)
    mels = [np.full((60 + index, 20), index, np.float16) for index in range(30)]
    write_frame_store(tmp_path / "slow/train.src", mels, 20)
    slow = FrameStore(tmp_path / "slow/train.src", once.form)
    varied = settings(speeds=[1.0, 0.9], frequency_masks=1, time_masks=1)

    def epoch(seed: int, number: int) -> AugmentedFrames:
        return AugmentedFrames([once, slow], varied, seed, number)

    first, again = epoch(1, 0), epoch(1, 0)
    backwards = [again[index] for index in reversed(range(30))][::-1]
    assert all((first[index] == backwards[index]).all() for index in range(30))
    assert [positions(len(first[index])) for index in range(30)] == first.lengths.tolist()
    lengths = {number: epoch(1, number).lengths.tolist() for number in range(4)}
    assert len({tuple(value) for value in lengths.values()}) == 4
    assert epoch(2, 0).lengths.tolist() != lengths[0]
    drawn = np.array(lengths[0]) >= 15
    assert 5 < drawn.sum() < 25


def test_without_augmentation_recordings_are_as_they_are(tmp_path: Path) -> None:
    found: FrameSequences = store(tmp_path)
    plain = AugmentedFrames([found], settings(), 1, 3)
    assert all((plain[index] == found[index]).all() for index in range(3))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"speeds": [0.9, 1.0]}, "begin with 1.0"),
        ({"speeds": [1.0, 1.0]}, "no speed twice"),
        ({"frequency_masks": 1, "frequency_mask_bins": 21}, "must not exceed mel_bins"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        settings(**changes)


def test_a_format_has_a_number_for_each_bin() -> None:
    with pytest.raises(ValueError, match="deviation needs 8 numbers"):
        FrameFormat(sample_rate=8000, mel_bins=8, mean=[0.0] * 8, deviation=[1.0])
