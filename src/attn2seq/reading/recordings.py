"""Recordings in an archive, and their transcripts: who says what in which file.

Of an archive with `wav/anna/1.flac` and `wav/bo/2.flac`, audio: a.zip/wav, the transcripts
`yes (1)` and `no (2)`, and speaker: `([^/]+)/[^/]+$`, the rows are

    Row(1, "anna/1", ["yes"]), Row(2, "bo/2", ["no"])

The source of a row is the recording's name: its speaker, where that is known, and its file's name
without folders and ending.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from attn2seq.catalogue.entry import CatalogueEntry, Recordings, SplitFiles
from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.features.audio import MAX_BYTES, SUFFIXES
from attn2seq.reading.archives import chosen_members, member_names
from attn2seq.reading.lines import decoded_lines, read_lines, split_name
from attn2seq.reading.names import composed
from attn2seq.reading.row import Row

# Transcripts beside recordings: one text a file.
_BESIDE = ".txt"
_LONGEST_TEXT_BYTES = 1 << 20
_NAME = re.compile(r"[\w.,=+@~-]+")


class Recording(NamedTuple):
    """A recording with its text, and the member of an archive that holds it."""

    line: int  # of the transcripts' file, from 1; without one the recording's number
    name: str
    text: str
    archive: str
    member: str


def speaker_of(name: str) -> str:
    """The speaker in a recording's name: `speaker_of("anna/1")` gives `"anna"`."""
    return name.rpartition("/")[0]


def read_recordings(
    raw: Path, entry: CatalogueEntry, files: SplitFiles, listed: Iterator[Row] | None
) -> Iterator[Recording]:
    """The recordings of a split, in the order of its transcripts.

    `listed` has their names or paths and texts as a table gives them; None where the entry's
    pattern reads them, or where there is no file of transcripts. Raises UserError where a
    recording or a text is missing, empty or ambiguous.
    """
    form = entry.recordings
    assert form is not None
    archive, folder = split_name(raw, str(files.audio))
    found = _Folder(raw / archive, folder)
    label = f"{raw / plain(str(files.file))}"
    if files.file is None:
        rows = _spelt(found, form.spelt) if form.spelt is not None else _beside(found)
        label = f"{found.label}"
    else:
        rows = _matched(raw, files.file, str(form.line)) if listed is None else listed
    met: dict[str, int] = {}
    for row in rows:
        if not row.src.strip() and not "".join(row.targets).strip():
            continue
        path = found.path_of(row.src.strip(), f"{label}, line {row.line}")
        name = _name(path, form, found.label)
        if path in form.leave_out or name.rpartition("/")[2] in form.leave_out:
            continue
        text = row.targets[0].strip()
        if not text:
            raise UserError(
                f"{label}, line {row.line}: the transcript of {plain(row.src)} is empty; complete "
                "it, or name the recording in recordings.leave_out"
            )
        if name in met:
            raise UserError(
                f"{label}, line {row.line}: a second recording is named {plain(name)}, after line "
                f"{met[name]}; rename one, or tell them apart by recordings.speaker"
            )
        met[name] = row.line
        yield Recording(row.line, name, text, archive, found.member(path))


def audio_files(
    raw: Path, archive: str, members: Mapping[str, str]
) -> Iterator[tuple[str, bytes, str]]:
    """Name, content, and what messages call it, of each of the members, in one pass.

    `members` gives the name of the recording that each holds. Raises UserError.
    """
    path = raw / archive
    with ExitStack() as stack:
        for member, file in chosen_members(stack, path, members.__contains__, MAX_BYTES):
            yield members[member], file.read(), f"{path}/{plain(member)}"


class _Folder:
    """The recordings within a folder of an archive, by their paths in it."""

    def __init__(self, path: Path, folder: str) -> None:
        """Raises UserError where there are none."""
        self.archive = path
        self.label = f"{path}/{plain(folder)}" if folder else f"{path}"
        start = f"{composed(folder.rstrip('/'))}/" if folder else ""
        self._members = {
            composed(name)[len(start) :]: name
            for name in member_names(path)
            if composed(name).startswith(start)
        }
        self.paths = sorted(name for name in self._members if name.lower().endswith(SUFFIXES))
        if not self.paths:
            raise UserError(
                f"{self.label} has no recordings ({', '.join(SUFFIXES)}); correct audio in the "
                "entry's splits"
            )
        self._by_stem: dict[str, list[str]] = {}
        for name in self.paths:
            self._by_stem.setdefault(Path(name).stem, []).append(name)

    def member(self, path: str) -> str:
        """The name in the archive of what lies at that path."""
        return self._members[path]

    def has(self, path: str) -> bool:
        """Whether anything lies there."""
        return path in self._members

    def path_of(self, wanted: str, at: str) -> str:
        """The recording that a transcript means by its path, or by its name alone."""
        known = composed(wanted)
        if known in self._members and known.lower().endswith(SUFFIXES):
            return known
        ended = known.lower().endswith(SUFFIXES)
        base = known.rpartition(".")[0] if ended else known
        stem = base.rpartition("/")[2]
        same = [
            path
            for path in self._by_stem.get(stem, [])
            if f"/{path.rpartition('.')[0]}".endswith(f"/{base}")
        ]
        if len(same) == 1:
            return same[0]
        if same:
            raise UserError(f"{at}: {plain(wanted)} may be {some(same)}; give its path")
        guess = nearest(stem, list(self._by_stem))
        hint = f" (did you mean {plain(guess)}?)" if guess else ""
        raise UserError(f"{at}: {self.label} has no recording {plain(wanted)}{hint}")


def _name(path: str, form: Recordings, label: str) -> str:
    stem = Path(path).stem
    parts = [stem]
    if form.speaker is not None:
        match = re.search(form.speaker, path)
        if match is None or not match[1]:
            raise UserError(
                f"{label}/{plain(path)}: recordings.speaker finds no speaker in {plain(path)}; "
                "correct the pattern"
            )
        parts.insert(0, match[1])
    for part in parts:
        if not _NAME.fullmatch(part) or part.startswith("."):
            raise UserError(
                f"{label}/{plain(path)}: {plain(part)} is no name for a recording or a speaker: "
                "letters, digits and - _ . , = + @ ~ make one"
            )
    return "/".join(parts)


def _matched(raw: Path, name: str, pattern: str) -> Iterator[Row]:
    """The rows of lines that a pattern reads."""
    compiled, label = re.compile(pattern), f"{raw / plain(name)}"
    for number, line in read_lines(raw, name):
        if not line.strip():
            continue
        match = compiled.fullmatch(line)
        if match is None:
            raise UserError(
                f"{label}, line {number}: is not of the pattern recordings.line; it begins "
                f"{line[:60]!r}"
            )
        yield Row(number, match["name"], [match["text"]])


def _spelt(found: _Folder, words: Mapping[str, str]) -> Iterator[Row]:
    """The rows of recordings whose names say what is in them."""
    for number, path in enumerate(found.paths, start=1):
        parts = Path(path).stem.split("_")
        for part in parts:
            if part not in words:
                raise UserError(
                    f"{found.label}/{plain(path)}: recordings.spelt has no word for {part!r}"
                )
        yield Row(number, path, [" ".join(words[part] for part in parts)])


def _beside(found: _Folder) -> Iterator[Row]:
    """The rows of recordings that each have a text beside them."""
    wanted = {f"{path.rpartition('.')[0]}{_BESIDE}": path for path in found.paths}
    for text, path in wanted.items():
        if not found.has(text):
            raise UserError(
                f"{found.label}/{plain(path)}: its transcript {plain(text)} is missing; add it, or "
                "leave the recording out of the archive"
            )
    members = {found.member(text): path for text, path in wanted.items()}
    texts = {}
    with ExitStack() as stack:
        for member, file in chosen_members(
            stack, found.archive, members.__contains__, _LONGEST_TEXT_BYTES
        ):
            label = f"{found.archive}/{plain(member)}"
            lines = decoded_lines(file, label, _LONGEST_TEXT_BYTES)
            texts[members[member]] = " ".join(line for _, line in lines)
    for number, path in enumerate(found.paths, start=1):
        yield Row(number, path, [texts[path]])
