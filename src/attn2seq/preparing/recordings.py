"""The recordings of prepared pairs: each checked, and stored as FLAC by its name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from attn2seq.catalogue.entry import CatalogueEntry, gives
from attn2seq.errors import UserError
from attn2seq.features.audio import read_audio, write_flac
from attn2seq.features.prepared_audio import recording_file
from attn2seq.reading.readers import recordings_of
from attn2seq.reading.recordings import audio_files, speaker_of

SPLITS = ("train", "dev", "test")
# Figures of hygiene that say nothing where a source is the name of a recording.
OF_TEXTS = ("length_ratio_outliers", "src_words", "src_characters")
# Of a corpus with more faults than these, most have one cause.
_MOST_FAULTS = 10


def write_recordings(
    raw: Path, entry: CatalogueEntry, folder: Path, say: Callable[[str], None]
) -> dict[str, float]:
    """Write the recordings that the tables in `folder` name; returns the seconds of each split.

    The recordings of a split given by the corpus must have names that no other split has. Raises
    UserError with the first faults of all recordings, each with its file and its line.
    """
    assert entry.recordings is not None
    rate = entry.recordings.sample_rate
    split_of = _splits_of_names(folder)
    lines: dict[str, str] = {}
    members: dict[str, dict[str, str]] = {}  # by archive
    for split in SPLITS:
        if not gives(entry, split):
            continue
        for one in recordings_of(raw, entry, split):
            if one.name in split_of:
                lines[one.name] = f"line {one.line} of the transcripts of {split}"
                members.setdefault(one.archive, {})[one.member] = one.name
    seconds = dict.fromkeys(SPLITS, 0.0)
    faults: list[str] = []
    for archive, wanted in members.items():
        for name, content, label in audio_files(raw, archive, wanted):
            try:
                audio = read_audio(content, label, rate)
            except UserError as error:
                faults.append(f"{error} ({lines[name]})")
                continue
            seconds[split_of[name]] += audio.seconds
            path = recording_file(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(write_flac(audio))
    if faults:
        more = f"\n  and {len(faults) - _MOST_FAULTS:,} more" if len(faults) > _MOST_FAULTS else ""
        raise UserError(
            f"{len(faults):,} recordings cannot be used:\n  "
            + "\n  ".join(faults[:_MOST_FAULTS])
            + f"{more}\nMend them, or name them in recordings.leave_out of the catalogue entry"
        )
    for split, length in seconds.items():
        say(f"{split}: {length / 60:.1f} minutes of recordings")
    return seconds


def recording_figures(
    folder: Path, seconds: Mapping[str, float], say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """What one should know of the recordings of each split before one believes a score."""
    tables = {split: pd.read_parquet(folder / f"{split}.parquet") for split in SPLITS}
    speakers = {split: {speaker_of(name) for name in table["src"]} - {""}
                for split, table in tables.items()}  # fmt: skip
    said = set(tables["train"]["tgt"])
    figures: dict[str, dict[str, Any]] = {}
    for split, table in tables.items():
        figures[split] = {"seconds": round(seconds[split], 3), "speakers": len(speakers[split])}
        if split == "train":
            continue
        known = int(table["tgt"].isin(said).sum())
        both = len(speakers[split] & speakers["train"])
        figures[split] |= {"targets_in_train": known, "speakers_in_train": both}
        if known:
            share = 100 * known / len(table)
            say(f"{split}: {known:,} of its transcripts ({share:.1f}%) also occur in train")
        if both:
            say(f"{split}: {both:,} of its {len(speakers[split]):,} speakers also speak in train")
    return figures


def _splits_of_names(folder: Path) -> dict[str, str]:
    """The split of each recording. Raises UserError where two splits have one of the same name."""
    found: dict[str, str] = {}
    for split in SPLITS:
        for name in pd.read_parquet(folder / f"{split}.parquet", columns=["src"])["src"]:
            if found.setdefault(name, split) != split:
                raise UserError(
                    f"{found[name]} and {split} both have a recording named {name}: rename one, or "
                    "tell them apart by recordings.speaker in the catalogue entry"
                )
    return found
