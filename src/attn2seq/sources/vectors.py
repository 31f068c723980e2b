"""Pretrained word vectors: a catalogue file that says where they are, or a user's own file.

name: glove-6b-300d                   # the file is data/catalogue/vectors/glove-6b-300d.yaml
title: GloVe, 6 billion tokens of Wikipedia 2014 and Gigaword 5, 300 units
file:
  url: https://nlp.stanford.edu/data/glove.6B.zip     # or path, of a file in data/local/
  sha256: 617afb2f...
member: glove.6B.300d.txt             # where the file is an archive
licence: PDDL 1.0
citation: "..."
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from attn2seq.catalogue.entry import SourceFile, Text
from attn2seq.catalogue.faults import describe
from attn2seq.catalogue.split_faults import ARCHIVES
from attn2seq.config import ConfigError, Settings, format_faults, nearest, plain, read_yaml
from attn2seq.errors import UserError
from attn2seq.reading.lines import read_lines
from attn2seq.whole import write_json

# Within data/raw/: the files, and which of them serves which side.
FOLDER = "vectors"
INDEX_FILE = "vectors.json"


class VectorsEntry(Settings):
    """Word vectors in GloVe's text format: where they are, and whose they are."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: Text
    file: SourceFile
    member: Text | None = None
    """The file within the archive."""
    licence: Text
    citation: Text

    @property
    def text(self) -> str:
        """The name of the text file, by which `read_lines` finds it."""
        return f"{self.file.name}/{self.member}" if self.member else self.file.name


@dataclass(frozen=True)
class RawVectors:
    """The vectors of one side, as download left them."""

    name: str
    lines: Callable[[], Iterator[tuple[int, str]]]


def find_vectors(catalogue: Path, local: Path, name: str) -> VectorsEntry:
    """The entry of that name in the catalogue, or else one for that file in data/local/.

    Raises UserError where there is neither, or with all faults of the entry.
    """
    path = catalogue / FOLDER / f"{name}.yaml"
    if "/" not in name and path.is_file():
        return read_vectors_entry(path)
    if _inside(name) and (local / name).is_file():
        values = {"title": name, "file": {"path": name}, "licence": "my own", "citation": "none"}
        return VectorsEntry.model_validate({"name": "own", **values})
    known = sorted(file.stem for file in (catalogue / FOLDER).glob("*.yaml"))
    guess = nearest(name, known)
    raise UserError(
        f"no vectors {name!r}: {plain(path)} is missing, and so is {plain(local / name)}"
        + (f" (did you mean {guess}?)" if guess else "")
        + ". A queued experiment sees a file only once git tracks it (`git add`)"
    )


def read_vectors_entry(path: Path) -> VectorsEntry:
    """Raises ConfigError with all faults of the file."""
    try:
        entry = VectorsEntry.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = [describe(VectorsEntry, item) for item in error.errors()]
        raise ConfigError(format_faults(str(path), faults)) from None
    faults = _faults(entry, path.stem)
    if faults:
        raise ConfigError(format_faults(str(path), faults))
    return entry


def write_index(folder: Path, vectors: Mapping[str, VectorsEntry]) -> None:
    """Say beside the files which one serves which side."""
    write_json(folder / INDEX_FILE, {side: entry.text for side, entry in vectors.items()})


def raw_vectors(raw: Path) -> dict[str, RawVectors]:
    """The vectors of each side that has some."""
    index = raw / FOLDER / INDEX_FILE
    if not index.is_file():
        return {}
    names: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
    return {
        side: RawVectors(name, partial(read_lines, raw / FOLDER, name))
        for side, name in names.items()
    }


def _faults(entry: VectorsEntry, stem: str) -> list[str]:
    file, faults = entry.file, []
    if entry.name != stem:
        faults.append(f"name: must be that of the file, {stem}, got {entry.name!r}")
    if (file.url is None) == (file.path is None):
        faults.append("file: needs either url, or path (of a file in data/local/)")
    elif file.path is not None and not _inside(file.path):
        faults.append(f"file.path: must lie in data/local/, got {file.path!r}")
    elif file.url is not None:
        if not file.url.startswith("https://") or file.name in ("", ".", ".."):
            faults.append(f"file.url: must be the https:// address of a file, got {file.url!r}")
        if file.sha256 is None:
            faults.append("file.sha256: missing; needed for a file that is fetched")
    if not file.name.isprintable():
        faults.append(f"file: the name {plain(file.name)!r} holds a character that is not printed")
    if file.name == INDEX_FILE:
        faults.append(f"file: {INDEX_FILE} is the name of a file of the pipeline's own; rename it")
    if file.name.endswith(ARCHIVES) and not entry.member:
        faults.append(f"member: missing; {file.name} is an archive, name the file in it")
    if entry.member and not file.name.endswith(ARCHIVES):
        faults.append(f"member: {file.name} is not an archive ({', '.join(ARCHIVES)})")
    return faults


def _inside(path: str) -> bool:
    """Whether a relative path stays in its folder."""
    parts = path.split("/")
    return not path.startswith("/") and ".." not in parts and parts[-1] not in ("", ".")
