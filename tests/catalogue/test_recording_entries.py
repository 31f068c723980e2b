"""What is wrong with the entry of a corpus of recordings."""

from typing import Any

import pytest
from tone_corpus import ENTRY

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.catalogue.faults import combination_faults

TRAIN = ENTRY["splits"]["train"]
TABLE = {"delimiter": "\t", "columns": {"src": 1, "tgt": 2}}


def faults(**changes: Any) -> list[str]:
    values = {key: value for key, value in (ENTRY | changes).items() if value is not None}
    return combination_faults(CatalogueEntry.model_validate(values))


def form(**changes: Any) -> dict[str, Any]:
    values = ENTRY["recordings"] | changes
    return {"recordings": {key: value for key, value in values.items() if value is not None}}


def test_sound_entries() -> None:
    assert faults() == []
    assert faults(**form(line=None), **TABLE) == []
    alone = {"train": {"audio": "tones.tar.gz"}}
    assert faults(splits=alone, **form(line=None)) == []
    assert faults(splits=alone, **form(line=None, spelt={"0": "NO"})) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"recordings": None}, "recordings: needed by the reader recordings"),
        ({"reader": "delimited", **TABLE}, "recordings: belongs to the reader recordings only"),
        (form(line="(?P<name>x"), "recordings.line: '(?P<name>x' is not a valid pattern"),
        (form(line="(?P<name>x)"), "recordings.line: needs the groups (?P<name>...)"),
        (form(speaker="x"), "recordings.speaker: needs a group"),
        (form(line=None), "recordings.line: needed to read the lines"),
        (TABLE, "recordings.line: give either a pattern of lines, or columns"),
        (form(line=None) | {"columns": TABLE["columns"]}, "delimiter: needed with columns"),
        (form(spelt={"0": "NO"}), "recordings.spelt: recordings that spell their text have no"),
        ({"splits": {"train": {"file": TRAIN["file"]}}}, "splits.train: needs audio, the folder"),
        ({"splits": {"train": TRAIN | {"src": "tones.tar.gz/a"}}}, "splits.train: needs audio"),
        ({"splits": {"train": TRAIN | {"audio": "tone.tar.gz/wav"}}},
         "splits.train: tone.tar.gz/wav is not among files (did you mean tones.tar.gz?)"),
        ({"make_splits": {"dev": 1, "seed": 1}}, "splits.test: missing"),
        ({"files": [{"path": "tones.tar.gz", "mirrored": {"name": "a", "sha256": "0" * 64}}]},
         "files.0.mirrored: a mirror holds what has a url"),
    ],
)  # fmt: skip
def test_faults(changes: dict[str, Any], fault: str) -> None:
    found = faults(**changes)
    assert any(each.startswith(fault) for each in found), found


def test_a_part_of_texts_among_recordings_is_told() -> None:
    parts = {"train": {"parts": [TRAIN, {"file": TRAIN["file"], "reader": "delimited"}]}}
    assert "recordings: sources are all recordings or all texts: remove the other parts" in faults(
        splits=parts, **TABLE
    )


def test_audio_is_of_no_use_to_other_readers() -> None:
    found = faults(reader="delimited", recordings=None, **TABLE)
    assert found == ["splits.train.audio: belongs to the reader recordings only"]
