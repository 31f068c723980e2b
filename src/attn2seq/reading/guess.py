"""What a user's text file looks like: its encoding, format and columns, guessed from its start.

guess_table(Path("mine.csv"))      'English,German' above '"Yes, go.","Ja, geh."'
Table("delimited", ["English", "German"], named=True, width=2, delimiter=",", quoted=True)
"""

import codecs
import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from attn2seq.config import plain, some
from attn2seq.errors import UserError
from attn2seq.reading.languages import language_of
from attn2seq.reading.parquet import open_parquet, text_columns

SAMPLE_BYTES = 1 << 20
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
# At least this share of the lines has as many columns as most have; the rest is the reader's find.
SAME_WIDTH = 0.9
# What columns of sources and of targets are called, where not after languages.
SIDES = (
    ("src", "source", "input", "text", "question", "document", "article", "body", "sentence"),
    ("tgt", "trg", "target", "output", "translation", "answer", "summary", "highlights", "label",
     "title", "subject"),
)  # fmt: skip
# Of these, id and no could be languages, but seldom are.
NO_TEXTS = ("id", "index", "no", "nr", "number", "domain", "author", "date", "score", "url")
# How files begin that are no text, or no corpus.
_OTHER_FILES = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file: `git lfs install` and `git "
    "lfs pull` bring it",
    b"PK\x03\x04": "a zip archive (a spreadsheet is one): unpack it, or save it as CSV in UTF-8",
    b"\xfd7zXZ\x00": "packed with xz: `unxz` it, and pack it with gzip if you like",
    b"BZh": "packed with bzip2: `bunzip2` it, and pack it with gzip if you like",
    b"(\xb5/\xfd": "packed with zstd: `unzstd` it, and pack it with gzip if you like",
    b"PAR1": "a parquet table, which holds both sides: give it alone",
}


@dataclass(frozen=True)
class Table:
    """A file with a pair per record."""

    reader: Literal["delimited", "json_lines", "parquet"]
    names: list[str]  # of the columns, or the keys; empty where nothing names the columns
    width: int
    delimiter: str = ""
    quoted: bool = False


def check_text(path: Path) -> str:
    """The start of the file, whole lines. Raises UserError where it is no text in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    start, size, before = "", 0, b""
    for block in _blocks(path):
        if not size:
            _refuse_other_files(path, block)
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError:
            raise _not_utf8(path, before[-1000:] + block) from None
        if not size:
            start = text
        size, before = size + len(block), block
    if decoder.getstate()[0]:
        raise _not_utf8(path, before)
    if not start.strip():
        raise UserError(f"{path} is empty")
    if "\r" in start and "\n" not in start:
        raise UserError(
            f"the lines of {path} end in carriage returns alone, which are read as no ends: "
            f"`tr '\\r' '\\n' < {path.name} > new-{path.name}` writes it with line feeds"
        )
    return start if size <= SAMPLE_BYTES else start.rpartition("\n")[0]


def guess_table(path: Path, header: bool | None) -> Table:
    """The table in a file; `header` tells whether the first line names the columns.

    Raises UserError where it is none that can be read.
    """
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            names = text_columns(open_parquet(path, str(path)).schema_arrow)
            if len(names) < 2:
                raise UserError(
                    f"{path}: two columns of texts are needed, and it has {some(names)}"
                )
            return Table("parquet", names, len(names))
    lines = [line for line in check_text(path).split("\n") if line.strip()]
    if lines[0].lstrip().startswith("{"):
        return _json_lines(path, lines)
    if lines[0].lstrip().startswith("["):
        raise UserError(
            f"{path} is one JSON list; an object per line is needed: `jq -c '.[]' {path.name}` "
            "writes it so"
        )
    _, delimiter, quoted, records = max(
        _splittings(lines), key=lambda splitting: splitting[0], default=(0.0, "", False, [])
    )
    if not delimiter:
        raise UserError(
            f"{path} is no table: its lines have neither tabs nor commas in common. Of texts that "
            "lie in two files, give both: `attn2seq new mine.en mine.de`"
        )
    names = [name.strip() for name in records[0]]
    if header is None:
        header = sum(map(_is_name, names)) >= 2
    return Table("delimited", names if header else [], len(records[0]), delimiter, quoted)


def _is_name(cell: str) -> bool:
    name = cell.lower()
    return language_of(cell) is not None or name in (*SIDES[0], *SIDES[1], *NO_TEXTS)


def _splittings(lines: Sequence[str]) -> Iterator[tuple[float, str, bool, list[list[str]]]]:
    """Each way to split the lines that fits: the share of them that it fits, and the columns.

    Of equally good ones the first counts.
    """
    for delimiter in DELIMITERS:
        # Tabs seldom stand in a text, so that a quote between them most often is one.
        for quoted in (False, True) if delimiter == "\t" else (True,):
            if quoted:
                ended = (f"{line}\n" for line in lines)
                records = [fields for fields in csv.reader(ended, delimiter=delimiter) if fields]
            else:
                records = [line.split(delimiter) for line in lines]
            if all(_in_quotes(cell) for record in records for cell in record) and not quoted:
                continue
            width, count = Counter(map(len, records)).most_common(1)[0]
            if width > 1 and count >= SAME_WIDTH * len(records):
                yield count / len(records), delimiter, quoted, records


def _in_quotes(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell.rstrip("\r")[-1] == '"'


def _json_lines(path: Path, lines: Sequence[str]) -> Table:
    keys: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path}, line {number}: not JSON ({error}); an object per line is needed"
            ) from None
        for key, value in values.items() if isinstance(values, dict) else ():
            keys[key] = keys.get(key, 0) + isinstance(value, str)
    texts = [key for key, count in keys.items() if count]
    if len(texts) < 2:
        raise UserError(
            f"{path}: two keys with texts are needed, and it has "
            f"{', '.join(map(plain, texts)) or 'none'}. Texts within an inner object are not "
            "read: write them out one level up"
        )
    return Table("json_lines", texts, len(texts))


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked if its name ends in .gz."""
    try:
        with path.open("rb") as plain_file:
            packed = plain_file.read(2) == b"\x1f\x8b"
        if packed != path.name.endswith(".gz"):
            wrong = "is packed with gzip: give it a name that ends in .gz"
            raise UserError(f"{path} {wrong if packed else 'is not packed with gzip: rename it'}")
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while block := file.read(SAMPLE_BYTES):
                yield block
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {reason}") from None


def _refuse_other_files(path: Path, block: bytes) -> None:
    for start, what in _OTHER_FILES.items():
        if block.startswith(start):
            raise UserError(f"{path} is {what}")


def _not_utf8(path: Path, block: bytes) -> UserError:
    """An error that names the encoding that it seems to be, where that can be told."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        found = None
    else:
        found = from_bytes(block).best()
    if found is None:
        return UserError(f"{path} is not UTF-8, nor any other text; save it as UTF-8")
    name = found.encoding.replace("_", "-")
    return UserError(
        f"{path} is not UTF-8; it seems to be {name}: "
        f"`iconv -f {name} -t UTF-8 {path.name} > new-{path.name}` converts it"
    )
