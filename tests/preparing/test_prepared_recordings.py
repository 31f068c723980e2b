"""Recordings go along with prepared pairs: each is checked, and its split is its speaker's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tone_corpus import ENTRY, encoded, packed, tone

from attn2seq.errors import UserError
from attn2seq.features.audio import read_audio
from attn2seq.features.prepared_audio import audio_at, recording_file, sample_rate_of
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings

GENERATOR = np.random.default_rng(2)


def recording(kind: str = "WAV") -> bytes:
    return encoded(tone(["do", "ti"], GENERATOR), kind)


Prepare = Callable[..., tuple[Path, dict[str, Any], list[str]]]


@pytest.fixture
def prepare(
    tmp_path: Path,
    raw_corpus: Callable[..., Path],
    prepare_settings: Callable[..., PrepareSettings],
) -> Prepare:
    """Prepares six recordings of three speakers, some of them changed."""

    def run(changed: dict[str, bytes | str] | None = None, **changes: Any) -> Any:
        files: dict[str, bytes | str] = {
            f"tones/wav/s{number % 3}/r{number}.wav": recording() for number in range(6)
        }
        files["tones/texts.txt"] = "".join(f"r{number} Do ti\n" for number in range(6))
        content = packed(files | (changed or {}))
        values = ENTRY | {"make_splits": {"dev": 1, "test": 1, "seed": 1}} | changes
        raw = raw_corpus({"tones.tar.gz": content}, **{"delimiter": None, "columns": None} | values)
        said: list[str] = []
        account = tmp_path / "metrics.json"
        settings = prepare_settings(unicode_form="nfkc_lower")
        prepare_corpus(raw, tmp_path / "prepared", account, settings, said.append)
        return tmp_path / "prepared", json.loads(account.read_text(encoding="utf-8")), said

    return run


def test_each_speaker_is_in_one_split_and_recordings_are_there(prepare: Prepare) -> None:
    prepared, account, said = prepare()
    speakers: list[set[str]] = []
    for split in ("train", "dev", "test"):
        pairs = pd.read_parquet(prepared / f"{split}.parquet")
        assert pairs["tgt"].tolist() == ["do ti"] * 2  # in lower case, unlike names
        speakers.append({name.split("/")[0] for name in pairs["src"]})
        audio = [audio_at(recording_file(prepared, name), 8000) for name in pairs["src"]]
        hygiene = account["hygiene"][split]
        assert hygiene["speakers"] == 1
        assert hygiene["seconds"] == pytest.approx(sum(one.seconds for one in audio), abs=1e-3)
    assert set.union(*speakers) == {"s0", "s1", "s2"}
    assert "src_words" not in account["hygiene"]["test"]
    assert account["hygiene"]["test"]["targets_in_train"] == 2
    assert account["hygiene"]["test"]["speakers_in_train"] == 0
    assert "test: 2 of its transcripts (100.0%) also occur in train" in said
    assert sample_rate_of(prepared) == 8000


def test_a_speaker_of_a_given_test_set_who_is_in_train_is_told(prepare: Prepare) -> None:
    files = {f"tones/more/s1/x{number}.wav": recording() for number in range(2)}
    where = {"file": "tones.tar.gz/tones/more.txt", "audio": "tones.tar.gz/tones/more"}
    splits = ENTRY["splits"] | {"test": where}
    _, account, said = prepare(
        {**files, "tones/more.txt": "x0 so\nx1 mi\n"},
        splits=splits, make_splits={"dev": 1, "seed": 1},
    )  # fmt: skip
    assert account["hygiene"]["test"]["speakers_in_train"] == 1
    assert "test: 1 of its 1 speakers also speak in train" in said


def test_the_format_of_a_file_changes_nothing_that_is_prepared(
    prepare: Prepare, tmp_path: Path
) -> None:
    samples = (tone(["mi"], GENERATOR) * 30_000).astype(np.int16)
    contents = []
    for kind, ending in (("NIST", "sph"), ("FLAC", "flac")):
        folder, _, _ = prepare({f"tones/wav/s9/r9.{ending}": encoded(samples, kind),
                                "tones/texts.txt": "r0 a\nr1 b\nr2 c\nr9 d\n"})  # fmt: skip
        contents.append((folder / "recordings/s9/r9.flac").read_bytes())
    assert contents[0] == contents[1]
    assert len(read_audio(contents[0], "a").samples) == len(samples)


def test_all_faults_are_told_at_once_with_file_and_line(prepare: Prepare) -> None:
    whole = recording()
    silent = np.zeros(4000, np.int16)
    with pytest.raises(UserError) as caught:
        prepare({
            "tones/wav/s1/r1.wav": whole[:-200],
            "tones/wav/s2/r2.wav": encoded(silent),
            "tones/wav/s0/r3.wav": encoded(tone(["do"], GENERATOR), rate=16000),
        })  # fmt: skip
    first, *faults, remedy = str(caught.value).splitlines()
    assert first == "3 recordings cannot be used:"
    assert "tones/wav/s1/r1.wav is cut short" in faults[0]
    assert faults[0].endswith("(line 2 of the transcripts of train)")
    assert "r2.wav is silent" in faults[1]
    assert "r3.wav has 16,000 samples per second" in faults[2]
    assert "recordings.leave_out" in remedy


def test_too_few_speakers_are_told(prepare: Prepare) -> None:
    with pytest.raises(UserError, match="asks for 2 speakers for dev and 1 for test"):
        prepare(make_splits={"dev": 2, "test": 1, "seed": 1})
