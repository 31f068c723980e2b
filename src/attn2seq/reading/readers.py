"""Readers: the rows of a split, in the order of its file.

delimited, tab:    "Go.\tVa !"                        Row(1, "Go.", ["Va !"])
quoted, comma:     '"Yes, go.",Oui.'                  Row(1, "Yes, go.", ["Oui."])
key_value_lines:   "IN: walk OUT: WALK"               Row(1, "walk", ["WALK"])
json_lines:        {"body": "Hi all", "subject": "Hi"}  Row(1, "Hi all", ["Hi"])
"""

import csv
import json
import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from attn2seq.catalogue.entry import CatalogueEntry, Column, Columns, Keys, SplitFiles
from attn2seq.config import nearest, plain, some, unique_keys
from attn2seq.errors import UserError
from attn2seq.reading.lines import read_lines


class Row(NamedTuple):
    """A source and its targets; the first is the target, all are references."""

    line: int  # in the file, from 1
    src: str
    targets: list[str]


def read_rows(raw: Path, entry: CatalogueEntry, split: str) -> Iterator[Row]:
    """The rows of a split that the corpus gives; `raw` holds its files.

    Further references are read for dev and test alone. Blank lines come as a row of empty texts,
    except in parallel files, where they are lines as any other. Raises UserError.
    """
    files = entry.located(split_files(entry, split))
    several = split != "train"
    if files.file is None:
        yield from _read_parallel(raw, files, several)
        return
    read = _read_quoted if entry.quoted else _read_lines
    rows = read(raw, entry, files.file, several)
    if entry.remove_from_src is None:
        yield from rows
        return
    remove = re.compile(entry.remove_from_src)
    for row in rows:
        yield row._replace(src=remove.sub("", row.src))


def split_files(entry: CatalogueEntry, split: str) -> SplitFiles:
    """The files of a split; those of a generated corpus are parallel lines, `train.en`, ..."""
    if entry.splits is None:
        return SplitFiles(src=f"{split}.{entry.src_lang}", tgt=f"{split}.{entry.tgt_lang}")
    files: SplitFiles = getattr(entry.splits, split)
    return files


Parse = Callable[[int, str], Row | None]


def _read_lines(raw: Path, entry: CatalogueEntry, name: str, several: bool) -> Iterator[Row]:
    parse = _parser(entry, raw / plain(name), several)
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


def _parser(entry: CatalogueEntry, label: Path, several: bool) -> Parse:
    if entry.reader == "delimited":
        return _delimited(entry, label, several)
    assert entry.keys is not None
    return (_json if entry.reader == "json_lines" else _key_value)(entry.keys, label, several)


def _read_parallel(raw: Path, files: SplitFiles, several: bool) -> Iterator[Row]:
    assert files.src is not None
    assert files.tgt is not None
    names = [files.src, files.tgt, *(files.references if several else [])]
    for lines in zip_longest(*(read_lines(raw, name) for name in names)):
        if None in lines:
            counts = [sum(1 for _ in read_lines(raw, name)) for name in names]
            told = ", ".join(
                f"{raw / plain(n)} has {c:,}" for n, c in zip(names, counts, strict=True)
            )
            raise UserError(
                f"parallel files must have equal line counts: {told}; line i of each is one pair"
            )
        (number, src), *targets = lines
        yield Row(number, src, [text for _, text in targets])


def _delimited(entry: CatalogueEntry, label: Path, several: bool) -> Parse:
    table, most = _Table(entry, label, several), entry.max_columns

    def parse(number: int, line: str) -> Row | None:
        # One column more than there should be is enough to know that there are too many.
        fields = line.split(table.delimiter, most - 1 if most else table.width or -1)
        if most is None and table.width and len(fields) > table.width:
            fields = line.split(table.delimiter)  # to tell how many
        return table.row(number, fields)

    return parse


class _Table:
    """Rows out of lines that are split into columns; the first may name these."""

    def __init__(self, entry: CatalogueEntry, label: Path, several: bool) -> None:
        assert entry.columns is not None
        assert entry.delimiter is not None
        self._columns, self.delimiter, self._label = entry.columns, entry.delimiter, label
        self._several, self._same_width = several, entry.max_columns is None
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
    raise UserError(f"{at}: no column is named {column!r} ({hint})")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# Numbers come as they are written, 1.50 and 1e400 too.
_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_keys, parse_int=str, parse_float=str, parse_constant=_no_number
)


def _json(keys: Keys, label: Path, several: bool) -> Parse:
    def parse(number: int, line: str) -> Row:
        at = f"{label}, line {number}"
        try:
            values = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            array = number == 1 and line.lstrip().startswith("[")
            hint = "; each line must hold one object, not all of them a list" if array else ""
            raise UserError(f"{at}: not JSON ({error}){hint}") from None
        if not isinstance(values, dict):
            raise UserError(f"{at}: must be a JSON object with keys, got {line[:40]!r}")
        src, tgt = (_only_text(values, key, at) for key in (keys.src, keys.tgt))
        more = [text for key in keys.references if several for text in _texts(values, key, at)]
        return Row(number, src, [tgt, *more])

    return parse


def _only_text(values: dict[str, object], key: str, at: str) -> str:
    texts = _texts(values, key, at)
    if len(texts) > 1:
        raise UserError(f"{at}: {key!r} holds {len(texts)} texts, but one is needed")
    return texts[0] if texts else ""


def _texts(values: dict[str, object], key: str, at: str) -> list[str]:
    """The texts at a key: a text or a number, several in a list, or none where it is null.

    A dot reaches into an object: `translation.en`, unless a key is spelt so.
    """
    outer, _, inner = key.partition(".")
    if key not in values and inner and isinstance(nested := values.get(outer), dict):
        return _texts(nested, inner, f"{at}, in {outer!r}")
    if key not in values:
        guess = nearest(key, list(values))
        hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(values)}"
        raise UserError(f"{at}: the key {key!r} is missing ({hint})")
    value = values[key]
    items: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
    for item in items:
        if not isinstance(item, str):
            first = next(iter(item), None) if isinstance(item, dict) else None
            reach = f"; {key}.{first} reaches into it" if first else ""
            raise UserError(f"{at}: {key!r} must hold text, got {_kind(item)}{reach}")
        # JSON can spell half a character, which no text file can hold.
        if any("\ud800" <= character <= "\udfff" for character in item):
            raise UserError(
                f"{at}: {key!r} holds an escape from \\ud800 to \\udfff that is not half of a pair"
            )
    return items


def _kind(item: object) -> str:
    if isinstance(item, dict):
        return "an object"
    return "a list in a list" if isinstance(item, list) else json.dumps(item)


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
