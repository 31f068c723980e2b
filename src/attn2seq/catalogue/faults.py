"""What is wrong with a catalogue entry, in a user's words; every fault at once."""

import re
from collections import Counter
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from attn2seq.catalogue.entry import CatalogueEntry, SourceFile
from attn2seq.catalogue.recording_faults import recording_faults
from attn2seq.catalogue.split_faults import NEEDS_SHA256, split_faults, split_parts
from attn2seq.config import nearest, plain, shown
from attn2seq.metrics import METRICS

MAX_NAME_BYTES = 255  # of a file, on all usual disks
# The keys that belong to one reader alone, and those that it cannot do without.
READER_KEYS = {
    "delimiter": ("delimited", "recordings"),
    "quoted": ("delimited", "recordings"),
    "header": ("delimited", "recordings"),
    "max_columns": ("delimited",),
    "columns": ("delimited", "parquet", "recordings"),
    "comment": ("delimited", "key_value_lines"),
    "keys": ("json_lines", "key_value_lines", "documents"),
    "remove_from_src": ("delimited", "json_lines", "key_value_lines", "parquet"),
    "inline_tags": ("tmx", "xliff"),
    "skip_other_languages": ("tmx", "xliff"),
    "skip_lines": ("parallel_lines",),
    "dialogues": ("dialogues",),
    "recordings": ("recordings",),
    "generator": ("generated",),
}
NEEDED = {
    "parallel_lines": ("files", "splits"),
    "delimited": ("files", "splits", "delimiter", "columns"),
    "json_lines": ("files", "splits", "keys"),
    "key_value_lines": ("files", "splits", "keys"),
    "documents": ("files", "splits", "keys"),
    "dialogues": ("files", "splits", "dialogues"),
    "recordings": ("files", "splits", "recordings"),
    "parquet": ("files", "splits", "columns"),
    **dict.fromkeys(("moses", "tmx", "xliff", "sgm"), ("files", "splits")),
    "generated": ("generator",),
}


def describe(kind: type[BaseModel], error: ErrorDetails) -> str:
    """One fault that pydantic found: its key, what is allowed, the nearest known key.

    `columns.sorce: unknown key (did you mean columns.src?)`
    """
    *outer, last = error["loc"]
    path = ".".join(plain(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        keys = list(_record_at(kind, outer).model_fields)
        guess = nearest(str(last), keys)
        within = "".join(f"{part}." for part in outer)
        return f"{path}: unknown key" + (
            f" (did you mean {within}{guess}?)" if guess else f" (known: {', '.join(keys)})"
        )
    if error["type"] == "missing":
        return f"{path}: missing"
    if error["type"] == "value_error":
        return f"{path}: {error['ctx']['error']}"
    return f"{path}: {error['msg'][0].lower()}{error['msg'][1:]}, got {shown(error['input'])}"


def combination_faults(entry: CatalogueEntry) -> list[str]:
    """What is wrong between keys that are each well formed."""
    return [
        *_reader_faults(entry),
        *_delimiter_faults(entry),
        *(fault for place, file in enumerate(entry.files) for fault in _file_faults(place, file)),
        *_name_faults(entry),
        *split_faults(entry),
        *_pattern_faults(entry),
        *recording_faults(entry),
        *_key_faults(entry),
        *_judge_faults(entry),
    ]


def _judge_faults(entry: CatalogueEntry) -> list[str]:
    judge = entry.judged_by
    if judge and METRICS[judge].on_request and judge not in entry.metrics:
        return [f"judged_by: {judge} is not computed: add it to metrics"]
    return []


def _record_at(kind: type[BaseModel], place: list[int | str]) -> type[BaseModel]:
    """The record that holds the keys at a place such as `("files", 0)`."""
    for part in place:
        if isinstance(part, str):
            kind = _record_in(kind.model_fields[part].annotation)
    return kind


def _record_in(annotation: Any) -> type[BaseModel]:
    """The record named in `Record`, `Record | None`, `list[Record]` or `list[Record] | None`."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
        for inner in get_args(candidate):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                return inner
    raise TypeError(f"{annotation} holds no record")


def _delimiter_faults(entry: CatalogueEntry) -> list[str]:
    """YAML reads single quotes and bare words as they stand."""
    delimiter = entry.delimiter or ""
    if len(delimiter) == 2 and delimiter in ("\\t", "\\n", "\\r", "\\s"):
        return [
            f"delimiter: a backslash and the letter {delimiter[1]}, which no line holds; in double "
            f'quotes, "{delimiter}", YAML reads it as the character that is meant'
        ]
    return []


def _reader_faults(entry: CatalogueEntry) -> list[str]:
    used = _readers(entry)
    needed = {key: reader for reader in reversed(used) for key in NEEDED[reader]}
    if any(part.source for part in split_parts(entry)):
        needed.pop("files", None)
    faults = [
        f"{key}: needed by the reader {reader}"
        for key, reader in needed.items()
        if not getattr(entry, key)
    ]
    for key, readers in READER_KEYS.items():
        if getattr(entry, key) and not set(used) & set(readers):
            faults.append(f"{key}: belongs to the reader {' or '.join(readers)} only")
    if entry.quoted:
        faults += [
            f"{key}: has no meaning where quoted is true"
            for key in ("max_columns", "comment")
            if getattr(entry, key)
        ]
        if len(entry.delimiter or " ") != 1 or entry.delimiter == '"':
            faults.append(
                f"delimiter: must be one character, and no quote, where quoted is true, got "
                f"{shown(entry.delimiter)}"
            )
    if entry.reader == "generated":
        faults += [
            f"{key}: a generated corpus has none"
            for key in ("files", "splits", "make_splits")
            if getattr(entry, key)
        ]
    return faults


def _readers(entry: CatalogueEntry) -> list[str]:
    """The entry's own, then those that its splits name."""
    named = (part.reader for part in split_parts(entry) if part.reader)
    return list(dict.fromkeys([entry.reader, *named]))


def _file_faults(place: int, file: SourceFile) -> list[str]:
    at = f"files.{place}"
    if (file.url is None) == (file.path is None):
        return [f"{at}: needs either url, or path (of a file in data/local/)"]
    if file.path is not None and file.mirrored is not None:
        return [f"{at}.mirrored: a mirror holds what has a url, and no file of data/local/"]
    if file.path is not None:
        parts = file.path.split("/")
        inside = not file.path.startswith("/") and ".." not in parts
        inside = inside and parts[-1] not in ("", ".")
        return [] if inside else [f"{at}.path: must lie in data/local/, got {file.path!r}"]
    faults = []
    if not (file.url or "").startswith("https://") or file.name in ("", ".", ".."):
        faults.append(f"{at}.url: must be the https:// address of a file, got {file.url!r}")
    if file.sha256 is None:
        faults.append(f"{at}.sha256: {NEEDS_SHA256}")
    return faults


def _name_faults(entry: CatalogueEntry) -> list[str]:
    counts = Counter(file.path or file.name for file in entry.files)
    faults = [
        f"files: {count} files have the name {plain(name)}"
        for name, count in counts.items()
        if count > 1
    ]
    faults += [
        f"files: the name {shown(name)} is longer than {MAX_NAME_BYTES} bytes"
        for name in counts
        if len(name.encode()) > MAX_NAME_BYTES
    ]
    faults += [
        f"files: the name {plain(name)!r} holds a character that cannot be printed"
        for name in counts
        if not name.isprintable()
    ]
    if "corpus.yaml" in counts:
        faults.append("files: corpus.yaml is the name of the entry itself; rename the file")
    return faults


def _pattern_faults(entry: CatalogueEntry) -> list[str]:
    faults = []
    for key in ("remove_from_src", "skip_lines"):
        if (pattern := getattr(entry, key)) is not None:
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                told = f"{shown(pattern)} is not a valid pattern: {plain(error)}"
                faults.append(f"{key}: {told}")
    if entry.columns is None:
        return faults
    columns = [entry.columns.src, entry.columns.tgt, *entry.columns.references]
    if "parquet" in _readers(entry):
        faults += [
            f"columns: {number} is a number; the columns of parquet have names"
            for number in columns
            if isinstance(number, int)
        ]
    elif not entry.header:
        named = [column for column in columns if isinstance(column, str)]
        faults += [
            f"columns: {name!r} is a name; set header: true, or give a number" for name in named
        ]
    return faults


def _key_faults(entry: CatalogueEntry) -> list[str]:
    """Keys such as `OUT:` are looked for in a line, where none must be found within another."""
    if entry.reader != "key_value_lines" or entry.keys is None:
        return []
    keys = [entry.keys.src, entry.keys.tgt, *entry.keys.references]
    return [
        f"keys: {one!r} is part of {other!r}, so that it would be found there"
        for place, one in enumerate(keys)
        for other in keys[:place] + keys[place + 1 :]
        if one in other
    ]
