"""Corpus files as a user would write them, and what stands in them, worked out the slow way."""

import json
import re
from pathlib import Path
from typing import Any

from generators import BOM
from smallest_entry import ENTRY

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

_NO_COLUMNS = {"delimiter": None, "columns": None}
READERS: dict[str, dict[str, Any]] = {
    "delimited": {},
    "header": {"header": True, "columns": {"src": "en", "tgt": "de"}},
    "dictionary": {"max_columns": 2, "comment": "#"},
    "json_lines": {
        "reader": "json_lines", "keys": {"src": "body", "tgt": "subject"}, **_NO_COLUMNS,
    },
    "key_value_lines": {
        "reader": "key_value_lines", "keys": {"src": "IN:", "tgt": "OUT:"}, **_NO_COLUMNS,
    },
}  # fmt: skip
PARALLEL = {
    "reader": "parallel_lines",
    "files": [{"path": "a"}, {"path": "b"}],
    "splits": {"train": {"src": "a", "tgt": "b"}},
    **_NO_COLUMNS,
}


def values(**changes: Any) -> dict[str, Any]:
    """The values of an entry; a key given as None is left out."""
    return {key: value for key, value in (ENTRY | changes).items() if value is not None}


def entry(**changes: Any) -> CatalogueEntry:
    return CatalogueEntry.model_validate(values(**changes))


def rows(raw: Path, entry: CatalogueEntry) -> list[Row]:
    return list(read_rows(raw, entry, "train"))


def written(kind: str, pairs: list[tuple[str, str]]) -> bytes:
    """The pairs as a file of that reader."""
    lines = ["de\tid\ten"] if kind == "header" else []
    for number, (src, tgt) in enumerate(pairs):
        lines.append(
            {
                "header": f"{tgt}\t{number}\t{src}",
                "json_lines": json.dumps({"id": number, "body": src, "subject": tgt}),
                "key_value_lines": f"IN: {src} OUT: {tgt}",
            }.get(kind, f"{src}\t{tgt}")
        )
    return "".join(f"{line}\n" for line in lines).encode()


class FaultError(Exception):
    """The first line at which reading must stop; 0 for a file without lines."""


def expected(kind: str, content: bytes) -> list[Row] | int:
    """What must come of a file: its rows, or the line of its first fault."""
    place: dict[str, int] = {}
    found = []
    try:
        for number, line in enumerate(lines_of(content), start=1):
            if isinstance(line, UnicodeDecodeError):
                raise FaultError(number)
            if (row := _row(kind, number, line, place)) is not None:
                found.append(row)
    except FaultError as fault:
        return int(fault.args[0])
    return found


def lines_of(content: bytes) -> list[str | UnicodeDecodeError]:
    """Each line, or why it is none. Raises FaultError where there is no line at all."""
    pieces = content.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    if not pieces:
        raise FaultError(0)
    if pieces[0].startswith(BOM):
        pieces[0] = pieces[0][3:]
    lines: list[str | UnicodeDecodeError] = []
    for piece in pieces:
        try:
            lines.append((piece[:-1] if piece.endswith(b"\r") else piece).decode())
        except UnicodeDecodeError as error:
            lines.append(error)
    return lines


def _row(kind: str, number: int, line: str, place: dict[str, int]) -> Row | None:
    """`place` remembers the columns: how many there are, and which is which."""
    if kind == "dictionary" and "#" in line:
        line = line[: line.index("#")]
    if line.isspace() or not line:
        return Row(number, "", [""])
    if kind == "json_lines":
        return _json_row(number, line)
    if kind == "key_value_lines":
        return _key_value_row(number, line)
    fields = line.split("\t")
    if kind == "dictionary":
        fields = [fields[0], "\t".join(fields[1:])] if len(fields) > 1 else fields
    elif kind == "header" and not place:
        names = [name.strip() for name in fields]
        if names.count("en") != 1 or names.count("de") != 1:
            raise FaultError(number)
        place.update(src=names.index("en"), tgt=names.index("de"), count=len(fields))
        return None
    if kind != "header":
        place.update(src=0, tgt=1)
    if len(fields) <= max(place["src"], place["tgt"]):
        raise FaultError(number)
    if len(fields) != place.setdefault("count", len(fields)):
        raise FaultError(number)
    return Row(number, fields[place["src"]], [fields[place["tgt"]]])


def _json_row(number: int, line: str) -> Row:
    try:
        pairs = json.loads(line, object_pairs_hook=_Pairs, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise FaultError(number) from None
    if not isinstance(pairs, _Pairs) or _is_faulty(pairs):
        raise FaultError(number)
    texts = []
    for key in ("body", "subject"):
        value = dict(pairs).get(key, FaultError)
        value = "" if value is None else value
        if isinstance(value, list) and not isinstance(value, _Pairs):
            value = "" if not value else value[0] if len(value) == 1 else FaultError
        if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
            raise FaultError(number)
        texts.append(value)
    return Row(number, texts[0], [texts[1]])


class _Pairs(list[Any]):
    """The keys and values of an object, as they stand there."""


def _is_faulty(value: Any) -> bool:
    """Whether a key occurs twice anywhere, or a number is none."""
    if isinstance(value, _Pairs):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(_is_faulty(item) for _, item in value)
    if isinstance(value, list):
        return any(_is_faulty(item) for item in value)
    return isinstance(value, float)  # NaN and its kin: other numbers are texts here


def _key_value_row(number: int, line: str) -> Row:
    if line.count("IN:") != 1 or line.count("OUT:") != 1:
        raise FaultError(number)
    if line.index("IN:") < line.index("OUT:"):
        src, tgt = line.split("IN:")[1].split("OUT:")
    else:
        tgt, src = line.split("OUT:")[1].split("IN:")
    return Row(number, src, [tgt])
