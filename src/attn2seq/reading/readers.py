"""Readers: the rows of a split, in the order of its file.

delimited, tab:    "Go.\tVa !"                        Row(1, "Go.", ["Va !"])
quoted, comma:     '"Yes, go.",Oui.'                  Row(1, "Yes, go.", ["Oui."])
key_value_lines:   "IN: walk OUT: WALK"               Row(1, "walk", ["WALK"])
json_lines:        {"body": "Hi all", "subject": "Hi"}  Row(1, "Hi all", ["Hi"])
"""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from attn2seq.catalogue.entry import CatalogueEntry, Column, Columns, Keys, SplitFiles
from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.bitexts import read_tmx, read_xliff
from attn2seq.reading.dialogues import read_dialogues, repeated_dialogues
from attn2seq.reading.documents import read_documents
from attn2seq.reading.json_lines import json_parser
from attn2seq.reading.lines import read_lines, split_name
from attn2seq.reading.parallel import read_moses, read_parallel
from attn2seq.reading.parquet import read_parquet
from attn2seq.reading.recordings import Recording, read_recordings
from attn2seq.reading.row import Row
from attn2seq.reading.test_sets import read_test_set


def read_rows(raw: Path, entry: CatalogueEntry, split: str) -> Iterator[Row]:
    """The rows of a split that the corpus gives; `raw` holds its files.

    Further references are read for dev and test alone. Blank lines come as a row of empty texts,
    except in parallel files, where they are lines as any other. Raises UserError.
    """
    remove = re.compile(entry.remove_from_src) if entry.remove_from_src is not None else None
    for files in split_parts(entry, split):
        rows = _read_part(raw, entry, files, several=split != "train")
        yield from (
            rows if remove is None else (row._replace(src=remove.sub("", row.src)) for row in rows)
        )


def repeated_lines(raw: Path, entry: CatalogueEntry) -> set[int]:
    """The lines of train whose dialogue stands in dev or test too; of other corpora none."""
    files: dict[str, list[str]] = {
        split: [
            str(part.file)
            for part in split_parts(entry, split)
            if (part.reader or entry.reader) == "dialogues"
        ]
        for split in ("train", "dev", "test")
        if getattr(entry.splits, split, None) is not None
    }
    others = [*files.get("dev", []), *files.get("test", [])]
    if entry.dialogues is None or not (files.get("train") and others):
        return set()
    # Dialogues are never read in parts: a line says which one it is.
    return repeated_dialogues(raw, files["train"][0], others, entry.dialogues)


def _read_part(raw: Path, entry: CatalogueEntry, files: SplitFiles, several: bool) -> Iterator[Row]:
    """The rows of the files of a split, or of one part of it."""
    reader, name = files.reader or entry.reader, str(files.file)
    match reader:
        case "parallel_lines" | "generated":
            return read_parallel(raw, files, several, entry.skip_lines)
        case "moses":
            return read_moses(raw, files, entry)
        case "sgm":
            return read_test_set(raw, files, several)
        case "tmx":
            return read_tmx(raw, name, entry, several)
        case "xliff":
            return read_xliff(raw, name, entry)
        case "parquet":
            assert entry.columns is not None
            return read_parquet(raw, name, entry.columns, several)
        case "documents":
            assert entry.keys is not None
            archive, folder = split_name(raw, name)
            return read_documents(raw, archive, folder, entry.keys, several)
        case "dialogues":
            assert entry.dialogues is not None
            return read_dialogues(raw, name, entry.dialogues)
        case "recordings":
            return (Row(one.line, one.name, [one.text]) for one in _recordings(raw, entry, files))
    if reader == "delimited":
        return _read_table(raw, entry, name, several)
    return _read_lines(raw, entry, reader, name, several)


def _read_table(raw: Path, entry: CatalogueEntry, name: str, several: bool) -> Iterator[Row]:
    if entry.quoted:
        return _read_quoted(raw, entry, name, several)
    return _read_lines(raw, entry, "delimited", name, several)


def recordings_of(raw: Path, entry: CatalogueEntry, split: str) -> Iterator[Recording]:
    """Where the recordings of a split's rows lie. Raises UserError."""
    for files in split_parts(entry, split):
        yield from _recordings(raw, entry, files)


def _recordings(raw: Path, entry: CatalogueEntry, files: SplitFiles) -> Iterator[Recording]:
    listed = None
    if files.file is not None and entry.columns is not None:
        listed = _read_table(raw, entry, files.file, several=False)
    return read_recordings(raw, entry, files, listed)


def split_parts(entry: CatalogueEntry, split: str) -> list[SplitFiles]:
    """The files of a split, part by part, by their names in data/raw."""
    files = split_files(entry, split)
    return [entry.located(part) for part in files.parts or [files]]


def split_files(entry: CatalogueEntry, split: str) -> SplitFiles:
    """The files of a split; those of a generated corpus are parallel lines, `train.en`, ..."""
    if entry.splits is None:
        return SplitFiles(src=f"{split}.{entry.src_lang}", tgt=f"{split}.{entry.tgt_lang}")
    files: SplitFiles = getattr(entry.splits, split)
    return files


Parse = Callable[[int, str], Row | None]
_IN_QUOTES = ". If columns stand in quotes, set quoted: true"


def _read_lines(
    raw: Path, entry: CatalogueEntry, reader: str, name: str, several: bool
) -> Iterator[Row]:
    parse = _parser(entry, reader, raw / plain(name), several)
    for number, line in read_lines(raw, name):
        if entry.comment is not None:
            line = line.partition(entry.comment)[0]
        if not line.strip():
            yield Row(number, "", [""])
        elif (row := parse(number, line)) is not None:
            yield row


def _read_quoted(raw: Path, entry: CatalogueEntry, name: str, several: bool) -> Iterator[Row]:
    """Columns in quotes, as Python's csv module reads them. A row's line is its last one."""
    table = _Table(entry, raw / plain(name), several)
    records = csv.reader(
        (f"{line}\n" for _, line in read_lines(raw, name)), delimiter=table.delimiter, strict=True
    )
    begun = 1
    while True:
        try:
            fields = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(
                f"{raw / plain(name)}, line {begun}: quotes that do not fit ({error}): a quote "
                "within quotes is written twice, and a quoted column ends at a quote. Mend the "
                "line, or set quoted: false if quotes are text"
            ) from None
        if not any(field.strip() for field in fields):
            yield Row(records.line_num, "", [""])
        elif (row := table.row(records.line_num, fields)) is not None:
            yield row
        begun = records.line_num + 1


def _parser(entry: CatalogueEntry, reader: str, label: Path, several: bool) -> Parse:
    if reader == "delimited":
        return _delimited(entry, label, several)
    assert entry.keys is not None
    return (json_parser if reader == "json_lines" else _key_value)(entry.keys, label, several)


def _delimited(entry: CatalogueEntry, label: Path, several: bool) -> Parse:
    table, most = _Table(entry, label, several), entry.max_columns

    def parse(number: int, line: str) -> Row | None:
        # One column more than there should be is enough to know that there are too many.
        fields = line.split(table.delimiter, most - 1 if most else table.width or -1)
        if most is None and table.width and len(fields) > table.width:
            fields = line.split(table.delimiter)  # to tell how many
        # The last column may hold delimiters, and would hide that those in quotes are no others.
        if most and entry.quoted is None and f'"{table.delimiter}"' in fields[-1]:
            raise UserError(
                f"{label}, line {number}: {table.delimiter!r} between quotes within column {most}"
                f"{_IN_QUOTES}, or false if quotes are text"
            )
        return table.row(number, fields)

    return parse


class _Table:
    """Rows out of lines that are split into columns; the first may name these."""

    def __init__(self, entry: CatalogueEntry, label: Path, several: bool) -> None:
        assert entry.columns is not None
        assert entry.delimiter is not None
        self._columns, self.delimiter, self._label = entry.columns, entry.delimiter, label
        self._several, self._same_width = several, entry.max_columns is None
        self._quoted = entry.quoted
        self._places = None if entry.header else _places(entry.columns, several, [], "")
        self._first = 0  # the number of the first line,
        self.width: int | None = None  # and its columns

    def row(self, number: int, fields: list[str]) -> Row | None:
        """None for the header. Raises UserError where columns are missing or too many."""
        places = self._places
        if places is None:
            self._first, self.width = number, len(fields)
            names = [field.strip() for field in fields]
            self._places = _places(self._columns, self._several, names, self._at(number))
            return None
        if len(fields) <= max(places):
            raise UserError(
                f"{self._at(number)}: column {max(places) + 1} is missing; the line has "
                f"{len(fields)}, separated by {self.delimiter!r}"
                + (_IN_QUOTES if not self._quoted and fields[-1].startswith('"') else "")
            )
        if self.width is None:
            self._first, self.width = number, len(fields)
        if self._same_width and len(fields) != self.width:
            raise UserError(
                f"{self._at(number)}: {len(fields)} columns, but line {self._first} has "
                f"{self.width}: one {self.delimiter!r} too many or too few shifts texts to other "
                "columns. Fix the line, or set max_columns if the last column may hold it or be "
                "missing, or quoted if columns stand in quotes"
            )
        src, *targets = [fields[place] for place in places]
        return Row(number, src, targets)

    def _at(self, number: int) -> str:
        return f"{self._label}, line {number}"


def _places(columns: Columns, several: bool, header: list[str], at: str) -> list[int]:
    """The place of each wanted column, from 0: source, target, further references."""
    wanted = [columns.src, columns.tgt, *(columns.references if several else [])]
    return [_place(column, header, at) for column in wanted]


def _place(column: Column, header: list[str], at: str) -> int:
    if isinstance(column, int):
        return column - 1
    if (count := header.count(column)) > 1:
        raise UserError(f"{at}: {count} columns are named {column!r}; give the number of one")
    if count:
        return header.index(column)
    guess = nearest(column, header)
    hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(header)}"
    in_quotes = _IN_QUOTES if f'"{column}"' in header else ""
    raise UserError(f"{at}: no column is named {column!r} ({hint}){in_quotes}")


def _key_value(keys: Keys, label: Path, several: bool) -> Parse:
    wanted = [keys.src, keys.tgt, *(keys.references if several else [])]

    def parse(number: int, line: str) -> Row:
        starts = {key: line.find(key) for key in wanted}
        for key, start in starts.items():
            if start < 0:
                raise UserError(f"{label}, line {number}: the key {key!r} is missing")
            if line.find(key, start + 1) >= 0:
                raise UserError(f"{label}, line {number}: the key {key!r} occurs twice")
        # A value reaches to where the next key starts.
        ends = sorted([*starts.values(), len(line)])
        values = {
            key: line[start + len(key) : ends[ends.index(start) + 1]]
            for key, start in starts.items()
        }
        src, *targets = (values[key] for key in wanted)
        return Row(number, src, targets)

    return parse
