"""Lines of text out of plain files, gzip files and archives, with their numbers.

A line ends at a line feed and nowhere else: a Unicode line separator within a sentence is text.
Only the named member of an archive is read, and nothing is ever unpacked to a path.
"""

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from attn2seq.config import nearest
from attn2seq.errors import UserError

# Bounds on what a file may unpack to, so that a small file cannot fill the memory or never end.
MAX_TEXT_BYTES = 64 << 30
MAX_LINE_BYTES = 16 << 20

_BOM = b"\xef\xbb\xbf"
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)


def read_lines(raw: Path, name: str) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line of `raw/name`, without its line end.

    `name` may name a file in an archive: `fra-eng.zip/fra.txt`. A byte order mark at the start and
    a carriage return at a line's end are left out. Raises UserError, naming file and line, where
    the file is missing, damaged, empty, too large or not UTF-8.
    """
    label = f"{raw / name}"
    number = size = 0
    with _open(raw, name) as file:
        for number, line in enumerate(_raw_lines(file, label), start=1):
            size += len(line)
            if size > MAX_TEXT_BYTES:
                raise UserError(f"{label} unpacks to more than {MAX_TEXT_BYTES:,} bytes")
            if number == 1:
                line = line.removeprefix(_BOM)
            yield number, _decode(line.removesuffix(b"\n").removesuffix(b"\r"), label, number)
    if not number:
        raise UserError(f"{label} is empty")


def _raw_lines(file: BinaryIO, label: str) -> Iterator[bytes]:
    read = partial(file.readline, MAX_LINE_BYTES + 1)
    number = 0
    try:
        for number, line in enumerate(iter(read, b""), start=1):
            if len(line) > MAX_LINE_BYTES:
                raise UserError(f"{label}, line {number}: longer than {MAX_LINE_BYTES:,} bytes")
            yield line
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the machine's fault, not the file's
        raise UserError(
            f"{label} is damaged or cut short after line {number} ({error}); get it anew"
        ) from None


def _decode(line: bytes, label: str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{label}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x} at position "
            f"{error.start + 1}); save the file as UTF-8"
        ) from None


@contextmanager
def _open(raw: Path, name: str) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked."""
    file_name, _, member = name.partition("/")
    path = raw / file_name
    if not path.is_file():
        raise UserError(f"{path} is missing; run download again")
    with ExitStack() as stack:
        if not member:
            file = cast(BinaryIO, stack.enter_context(path.open("rb")))
        elif file_name.endswith(".zip"):
            file = _zip_member(stack, path, member)
        else:
            file = _tar_member(stack, path, member)
        if (member or file_name).endswith(".gz"):
            packed = stack.enter_context(gzip.GzipFile(fileobj=file))
            file = cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, packed)))
        yield file


def _zip_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        file = stack.enter_context(archive.open(member))
    except zipfile.BadZipFile as error:
        raise UserError(f"{path} is damaged or cut short ({error}); get it anew") from None
    except KeyError:
        raise _no_member(path, member, archive.namelist()) from None
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown compression
        raise UserError(f"{path}: {member} cannot be unpacked ({error})") from None
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, file)))


def _tar_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    try:
        archive = stack.enter_context(tarfile.TarFile.open(path))
        file = archive.extractfile(member)
    except KeyError:
        raise _no_member(path, member, archive.getnames()) from None
    except (*_DAMAGE, OSError) as error:
        raise UserError(f"{path} is damaged or cut short ({error}); get it anew") from None
    if file is None:
        raise UserError(f"{path}: {member} is a folder or a link, not a file")
    return cast(BinaryIO, stack.enter_context(file))


def _no_member(path: Path, member: str, known: list[str]) -> UserError:
    guess = nearest(member, known)
    hint = f"did you mean {guess}?" if guess else f"it has {', '.join(known[:10])}"
    return UserError(f"{path} has no file {member} ({hint})")
