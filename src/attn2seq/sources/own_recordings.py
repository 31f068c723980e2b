"""How a user's own recordings are read: the part of a catalogue entry that follows from the folder.

A folder holds recordings at any depth. Their texts are in a table of names and texts, or each in a
file beside its recording. Where every recording lies in a subfolder, that is called after who
speaks; with one subfolder alone it says nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.features.audio import SUFFIXES, soundfile
from attn2seq.reading.guess import DELIMITERS, Table, guess_table

# What the columns of a table are called; those of Common Voice are path and sentence.
PATHS = ("path", "file", "filename", "file_name", "name", "audio", "wav", "id", "recording")
TEXTS = ("text", "sentence", "transcript", "transcription", "transcriptions", "words")
SPEAKER = "([^/]+)/[^/]+$"
# Dev, test and train each have speakers of their own.
FEWEST_SPEAKERS = 3


@dataclass(frozen=True)
class OwnRecordings:
    """What a folder holds."""

    files: list[Path]  # that belong into the archive, in order of their names
    speakers: int  # 0 where nothing tells them apart
    keys: dict[str, Any]  # of the catalogue entry, but for its files and splits
    told: list[str]  # the same for people


def own_recordings(
    folder: Path, transcripts: Path | None, columns: tuple[str | None, str | None]
) -> OwnRecordings:
    """Look at a folder and, where there is one, the table of transcripts.

    `columns`: what holds a recording's path or name, and what its text, as a user says it. Raises
    UserError where anything is missing or unclear.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    recordings = [path for path in files if path.name.lower().endswith(SUFFIXES)]
    if not recordings:
        raise UserError(f"{folder} has no recordings ({', '.join(SUFFIXES)}) at any depth")
    rate = _sample_rate(recordings)
    told = [f"recordings {len(recordings):,} of {rate:,} Hz in {folder}"]
    form: dict[str, Any] = {"sample_rate": rate}
    keys: dict[str, Any] = {"reader": "recordings", "recordings": form}
    if transcripts is None:
        packed = _with_texts(recordings)
        told.append("texts      each in a file beside its recording")
    else:
        packed = recordings
        reading, line = _table(transcripts, columns)
        keys |= reading
        told.append(line)
    parents = {path.parent.relative_to(folder) for path in recordings}
    apart = len(parents) >= FEWEST_SPEAKERS and Path() not in parents
    if apart:
        form["speaker"] = SPEAKER
        told.append(f"speakers   {len(parents):,}, by the folders that the recordings lie in")
    return OwnRecordings(packed, len(parents) if apart else 0, keys, told)


def _sample_rate(recordings: Sequence[Path]) -> int:
    """Of all of them. Raises UserError where they differ, or one cannot be read."""
    library, rates = soundfile(), Counter[int]()
    for path in recordings:
        try:
            rates[library.info(str(path)).samplerate] += 1
        except library.LibsndfileError as error:
            raise UserError(
                f"{plain(str(path))} cannot be read as audio ({error.error_string}): mend it, or "
                "take it out of the folder"
            ) from None
    if len(rates) > 1:
        found = some(f"{rate:,} Hz ({count:,})" for rate, count in rates.most_common())
        raise UserError(
            f"the recordings have several sample rates: {found}; convert them to one, as "
            f"`sox in.wav -r {min(rates)} out.wav` does"
        )
    return next(iter(rates))


def _with_texts(recordings: Sequence[Path]) -> list[Path]:
    texts = [path.with_suffix(".txt") for path in recordings]
    missing = [text for text in texts if not text.is_file()]
    if missing:
        raise UserError(
            f"{len(missing):,} of {len(recordings):,} recordings have no text beside them, such as "
            f"{plain(str(missing[0]))}: add them, or give a table of names and texts as the second "
            "file"
        )
    return sorted([*recordings, *texts])


def _table(transcripts: Path, wishes: tuple[str | None, str | None]) -> tuple[dict[str, Any], str]:
    """How the transcripts are read, and that in words."""
    # A header of these words is one, which the guess for pairs of texts does not know.
    table = guess_table(transcripts, None)
    if table.reader == "delimited" and not table.names:
        named = guess_table(transcripts, header=True)
        if {name.lower() for name in named.names} & {*PATHS, *TEXTS}:
            table = named
    if table.reader != "delimited":
        raise UserError(
            f"{transcripts}: transcripts are a table with tabs or commas, and this is "
            f"{'parquet' if table.reader == 'parquet' else 'JSON'}; write it as one"
        )
    path, text = _columns(transcripts, table, wishes)
    keys: dict[str, Any] = {"delimiter": table.delimiter, "columns": {"src": path, "tgt": text}}
    keys |= {"header": True} if table.names else {}
    keys |= {"quoted": True} if table.quoted else {}
    return keys, (
        f"texts      {transcripts}: separated by {DELIMITERS[table.delimiter]}s, names in column "
        f"{plain(str(path))}, texts in column {plain(str(text))}"
    )


def _columns(
    transcripts: Path, table: Table, wishes: tuple[str | None, str | None]
) -> list[int | str]:
    """The columns of names and of texts: as told, as they are called, or the only two."""
    known: list[int | str] = [*table.names] or [*range(1, table.width + 1)]
    chosen: list[int | str | None] = []
    for wish, words in zip(wishes, (PATHS, TEXTS), strict=True):
        called = [name for name in table.names if name.lower() in words]
        chosen.append(_told(transcripts, known, wish) if wish else next(iter(called), None))
    left = [column for column in known if column not in chosen]
    if len(left) < chosen.count(None) or (table.width > 2 and None in chosen):
        raise UserError(
            f"{transcripts}: which columns are the names and the texts? Say --src-column and "
            f"--tgt-column, each one of {some(map(str, known))}"
        )
    return [left.pop(0) if column is None else column for column in chosen]


def _told(transcripts: Path, known: Sequence[int | str], wish: str) -> int | str:
    for column in known:
        if str(column) == wish:
            return column
    guess = nearest(wish, list(map(str, known)))
    hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(map(str, known))}"
    raise UserError(f"{transcripts}: there is no column {plain(wish)} ({hint})")
