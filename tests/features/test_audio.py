"""Recordings as files: what is read, and what is wrong with those that cannot be used."""

import importlib
import io
import random
import struct
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_corpus import encoded

from attn2seq.errors import UserError
from attn2seq.features import audio
from attn2seq.features.audio import Audio, read_audio, write_flac

SAMPLES = (np.random.default_rng(1).normal(0, 3000, 4000)).astype(np.int16)
KINDS = ["WAV", "FLAC", "NIST"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_gives_the_samples(kind: str) -> None:
    found = read_audio(encoded(SAMPLES, kind), "a", 8000)
    assert (found.samples * 32768).astype(np.int16).tolist() == SAMPLES.tolist()
    assert found.sample_rate == 8000
    assert found.seconds == 0.5


def test_flac_keeps_samples_of_16_bits() -> None:
    found = read_audio(encoded(SAMPLES, "NIST"), "a")
    again = read_audio(write_flac(found), "b", 8000)
    assert again.samples.tolist() == found.samples.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.01])
def test_a_file_that_is_cut_short_is_told(kind: str, share: float) -> None:
    content = encoded(SAMPLES, kind)
    with pytest.raises(UserError, match=r"^a/b.wav (is cut short|cannot be read)"):
        read_audio(content[: int(share * len(content))], "a/b.wav", 8000)


def test_a_wav_of_unknown_length_is_read_to_its_end() -> None:
    """As a program leaves it that writes to a pipe."""
    content = bytearray(encoded(SAMPLES))
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    assert len(read_audio(bytes(content), "a", 8000).samples) == len(SAMPLES)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (encoded(np.stack([SAMPLES, SAMPLES], 1)), "has 2 channels"),
        (encoded(SAMPLES, rate=16000), "has 16,000 samples per second, not 8,000"),
        (encoded(np.zeros(4000, np.int16)), "is silent: all of its 4,000 samples are 0"),
        (encoded(SAMPLES[:100]), "has 100 samples, 0.013 s"),
        (encoded(np.clip(SAMPLES.astype(int) * 20, -32768, 32767).astype(np.int16)), "is clipped"),
        (b"no audio at all", "cannot be read as wav, FLAC or NIST SPHERE"),
        (b"", "cannot be read as wav, FLAC or NIST SPHERE"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_file(content: bytes, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_audio(content, "raw/a.tar/b.wav", 8000)
    assert str(caught.value).startswith(f"raw/a.tar/b.wav {told}")


def test_samples_that_are_no_numbers_are_told() -> None:
    file = io.BytesIO()
    samples = SAMPLES.astype(np.float32) / 32768
    samples[100] = np.nan
    soundfile.write(file, samples, 8000, format="WAV", subtype="FLOAT")
    with pytest.raises(UserError, match=r"^a has a sample that is no number"):
        read_audio(file.getvalue(), "a")


def test_loud_speech_that_touches_the_ends_is_no_fault() -> None:
    samples = SAMPLES.copy()
    samples[:30] = 32767  # of 4,000
    assert len(read_audio(encoded(samples), "a", 8000).samples) == 4000


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(UserError, match=r"package kaldi-native-fbank.*attn2seq\[speech\]"):
        audio.needed("kaldi_native_fbank")


@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_any_kind_is_told_or_harmless(kind: str) -> None:
    content = encoded(SAMPLES, kind)
    told: list[str] = []
    for seed in range(150):
        draw = random.Random(f"{kind} {seed}")
        damaged = bytearray(content)
        for _ in range(draw.choice([1, 3, 20])):
            # Mostly in the header, where most can go wrong.
            place = draw.randrange(len(damaged) if seed % 3 == 0 else 60)
            damaged[place] = draw.randrange(256)
        try:
            found = read_audio(bytes(damaged), "a", 8000)
        except UserError as error:
            told.append(str(error))
        else:
            assert found.samples.ndim == 1
            assert np.isfinite(found.samples).all()
    assert len(told) > 20
    assert all(text.startswith("a ") for text in told)


def test_no_more_is_read_than_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "LONGEST_S", 0.25)
    with pytest.raises(UserError, match=r"^a is longer than 0.25 s"):
        read_audio(encoded(SAMPLES), "a")


def test_seconds() -> None:
    assert Audio(np.zeros(12000, np.float32), 8000).seconds == 1.5
