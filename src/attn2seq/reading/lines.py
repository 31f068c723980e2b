"""Lines of text out of plain files, packed files and archives, with their numbers.

A line ends at a line feed and nowhere else: a Unicode line separator within a sentence is text.
Only the named member of an archive is read, and nothing is ever unpacked to a path.
"""

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.reading.archives import open_member
from attn2seq.reading.packing import DAMAGE, damage, unpacked

# Bounds on what a file may unpack to, so that a small file cannot fill the memory or never end.
MAX_TEXT_BYTES = 64 << 30
MAX_LINE_BYTES = 16 << 20

# Read at once, where so many have come.
_BLOCK_BYTES = 1 << 16

_BOM = b"\xef\xbb\xbf"
_LFS_POINTER = "version https://git-lfs.github.com/spec/"
# How files begin that are no text, and what they are.
_NOT_TEXT = {
    b"PK\x03\x04": "a zip archive or an office document",
    b"%PDF": "a PDF document",
    b"PAR1": "a parquet table",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


def read_lines(raw: Path, name: str) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line of `raw/name`, without its line end.

    `name` may name a file in an archive: `fra-eng.zip/fra.txt`. A byte order mark at the start and
    a carriage return at a line's end are left out. Raises UserError, naming file and line, where
    the file is missing, damaged, empty, too large or not UTF-8.
    """
    label = f"{raw / plain(name)}"
    number, line = 0, ""
    with open_file(raw, name) as file:
        for number, line in decoded_lines(file, label, MAX_LINE_BYTES):
            if number == 1 and line.startswith(_LFS_POINTER):
                raise UserError(
                    f"{label} is a pointer of Git LFS, not the file itself: run `git lfs install` "
                    "and `git lfs pull` in the repository that it comes from, and copy it again"
                )
            yield number, line
    if not number:
        raise UserError(f"{label} is empty")
    if number == 1 and line.count("\r") > 1:
        raise UserError(
            f"{label}: its lines end in carriage returns alone, so it reads as one line; convert "
            "it, for example with `tr '\\r' '\\n'`"
        )


def decoded_lines(file: BinaryIO, label: str, longest: int) -> Iterator[tuple[int, str]]:
    """The same for an open file that messages call `label`, of lines of `longest` bytes at most.

    A file without a line gives none.
    """
    number = 0
    for block in _blocks(file, label, longest):
        ended = block.endswith(b"\n")
        if not number:
            block = block.removeprefix(_BOM)
        try:
            lines = block.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            # One of them: those before it are read first, whose faults may be others.
            for place, line in enumerate(block.split(b"\n"), start=number + 1):
                yield place, _decode(line.removesuffix(b"\r"), label, place)
            raise
        if ended:
            lines.pop()
        if b"\r" in block:
            lines = [line.removesuffix("\r") for line in lines]
        yield from enumerate(lines, start=number + 1)
        number += len(lines)


def _blocks(file: BinaryIO, label: str, longest: int) -> Iterator[bytes]:
    """Whole lines, as many as have come; the last one of a file may have no end."""
    size = number = held = 0
    parts: list[bytes] = []  # of a line whose end has not come
    try:
        while block := cast(io.BufferedReader, file).read1(_BLOCK_BYTES):
            size += len(block)
            end = block.rfind(b"\n") + 1
            if held + len(block) > longest:
                _check_lengths(b"".join([*parts, block]), label, number, longest)
            if size > MAX_TEXT_BYTES:
                raise UserError(f"{label} unpacks to more than {MAX_TEXT_BYTES:,} bytes")
            if end:
                yield b"".join([*parts, block[:end]])
                number += block.count(b"\n")
                parts, held = [], 0
            parts.append(block[end:])
            held += len(block) - end
    except (*DAMAGE, OSError) as error:
        fault = f"{label} is damaged or cut short after line {number}"
        raise damage(fault, error) from None
    if held:
        yield b"".join(parts)


def _check_lengths(block: bytes, label: str, number: int, longest: int) -> None:
    """Raises UserError where a line is too long; `number` lines came before."""
    for place, line in enumerate(block.split(b"\n"), start=number + 1):
        if len(line) > longest:
            raise UserError(f"{label}, line {place}: longer than {longest:,} bytes")


def _decode(line: bytes, label: str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        kinds = [kind for start, kind in _NOT_TEXT.items() if line.startswith(start)]
        seems = f"; it seems to be {kinds[0]}" if kinds and number == 1 else ""
        raise UserError(
            f"{label}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x} at position "
            f"{error.start + 1}){seems}; save the file as UTF-8"
        ) from None


@contextmanager
def open_file(raw: Path, name: str) -> Iterator[BinaryIO]:
    """The bytes of `raw/name`, unpacked. Raises UserError where it is missing or damaged."""
    file_name, member = split_name(raw, name)
    path = raw / file_name
    if not path.is_file():
        raise UserError(f"{path} is missing; run download again")
    with ExitStack() as stack:
        if member:
            file = open_member(stack, path, member)
        else:
            file = cast(BinaryIO, stack.enter_context(path.open("rb")))
        yield unpacked(stack, file, f"{raw / plain(name)}")


def split_name(raw: Path, name: str) -> tuple[str, str]:
    """The file that a name begins with, and what of it follows: a member of an archive."""
    parts = name.split("/")
    for end in range(1, len(parts)):
        if not (raw / "/".join(parts[:end])).is_dir():
            return "/".join(parts[:end]), "/".join(parts[end:])
    return name, ""
