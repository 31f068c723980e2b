"""One file out of a zip or tar archive, read where it lies.

Nothing is ever unpacked to a path, so that a member's name can lead nowhere. An archive can also be
made to fill the memory: with a directory of a million names, or with a name that never ends. So no
more than MAX_DIRECTORY_BYTES of a directory are read, and each way of packing unpacks piece by
piece, in no more than MAX_WINDOW_BYTES.
"""

import bz2
import errno
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.names import composed

# All names in the archive and what it says of them: 65,536 members of a tar. Python keeps ten times
# as many bytes of a zip's entries, so of these a quarter is read: still some 80,000 members.
MAX_DIRECTORY_BYTES = 32 << 20
# What xz may keep of the text to refer back to; `xz -9` takes a quarter of it.
MAX_WINDOW_BYTES = 256 << 20

# How the names of packed files end.
PACKED = (".gz", ".tgz", ".bz2", ".xz", ".zst")

# What Python's modules raise on bytes that are not what they seem.
DAMAGE = (
    EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, struct.error,
    ArithmeticError, LookupError, ValueError, NotImplementedError, RecursionError,
)  # fmt: skip
_CHUNK_BYTES = 1 << 16


def open_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    """The bytes of one file of the archive; `stack` closes it.

    Of several members of that name the last one counts, as it does where archives are unpacked.
    Raises UserError where the archive is damaged or too large, or the member is missing, a folder,
    a link, or packed in a way that cannot be bounded.
    """
    if path.name.endswith(".zip"):
        return _zip_member(stack, path, member)
    return _tar_member(stack, path, member)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Raises UserError where the block finds that the file is not what it seems."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        raise damage(f"{path} is damaged or cut short", error) from None


def damage(fault: str, error: Exception) -> Exception:
    """What to raise where reading a file raised `error`, one of DAMAGE or an OSError."""
    # An OSError with another number is the machine's fault, not the file's.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return error
    reason = plain(str(error)[:200]) or type(error).__name__
    return UserError(f"{fault} ({reason}); download it again")


def _zip_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    file = stack.enter_context(
        _Rationed(path.open("rb", buffering=0), path, MAX_DIRECTORY_BYTES // 4)
    )
    with _damage_told(path):
        archive = stack.enter_context(zipfile.ZipFile(file))
        file.ration = None
        found = _named(archive.NameToInfo, member)
        if found is None:
            raise _no_member(path, member, archive.namelist())
        if found.is_dir() or stat.S_ISLNK(found.external_attr >> 16):
            raise _no_file(path, member)
        if found.flag_bits & 1:
            raise UserError(f"{path}: {plain(member)} has a password; pack it without one")
        if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python unpacks bzip2 and LZMA within a zip without a bound on the memory.
            raise UserError(
                f"{path}: {plain(member)} uses method {found.compress_type} of zip; pack it "
                "with deflate, the usual one"
            )
        opened = stack.enter_context(archive.open(found))
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, opened)))


def _tar_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    with _damage_told(path):
        file = stack.enter_context(_Rationed(_tar(stack, path), path, MAX_DIRECTORY_BYTES))
        archive = stack.enter_context(tarfile.TarFile(fileobj=file))
        found, names, end = None, [], -1
        for info in archive:
            if archive.offset <= end:
                raise tarfile.ReadError("a size is negative")
            end = archive.offset
            names.append(info.name)
            if composed(info.name) == composed(member.rstrip("/")):
                found = info
        file.ration = None
        while file.read(_CHUNK_BYTES):
            pass  # a checksum stands at the end of what a tar is packed in
        if found is None:
            raise _no_member(path, member, names)
        if not found.isreg():
            raise _no_file(path, member)
        opened = archive.extractfile(found)
    return stack.enter_context(cast(BinaryIO, opened))


def _named(infos: Mapping[str, zipfile.ZipInfo], member: str) -> zipfile.ZipInfo | None:
    if member in infos:
        return infos[member]
    return {composed(name): info for name, info in infos.items()}.get(composed(member))


def _tar(stack: ExitStack, path: Path) -> Any:
    return unpacked(stack, cast(BinaryIO, stack.enter_context(path.open("rb"))), str(path))


def _no_member(path: Path, member: str, known: list[str]) -> UserError:
    guess = nearest(member, known)
    hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(known)}"
    return UserError(f"{path} has no file {plain(member)} ({hint})")


def _no_file(path: Path, member: str) -> UserError:
    return UserError(f"{path}: {plain(member)} is a folder or a link, not a file")


class _Rationed(io.BufferedReader):
    """A file of which no more than `most` bytes are read until `ration` is set to None."""

    def __init__(self, file: Any, path: Path, most: int) -> None:
        super().__init__(file)
        self.ration: int | None = most
        self._path, self._most = path, most

    def read(self, size: int | None = -1, /) -> bytes:
        if self.ration is None:
            return super().read(size)
        left = self.ration + 1
        content = super().read(left if size is None or size < 0 else min(size, left))
        self.ration -= len(content)
        if self.ration < 0:
            raise UserError(
                f"{self._path} has a directory of more than {self._most:,} bytes; pack "
                "only the files of the corpus"
            )
        return content


def unpacked(stack: ExitStack, file: BinaryIO, label: str) -> BinaryIO:
    """What a file unpacks to: gzip, bzip2, xz or Zstandard, told by how it begins; else itself.

    Raises UserError where the file is damaged, naming it as `label`.
    """
    buffered = file if hasattr(file, "peek") else io.BufferedReader(cast(io.RawIOBase, file))
    try:
        start = cast(io.BufferedReader, buffered).peek(6)[:6]
    except (*DAMAGE, OSError) as error:
        raise damage(f"{label} is damaged or cut short", error) from None
    if start.startswith(b"\x1f\x8b"):
        opened: Any = stack.enter_context(gzip.GzipFile(fileobj=buffered))
    elif start.startswith(b"BZh"):
        opened = stack.enter_context(bz2.BZ2File(buffered))
    elif start == b"\xfd7zXZ\x00":
        opened = _XzReader(buffered)
    elif start.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow as pa  # its reader bounds what a file may ask to be remembered

        opened = stack.enter_context(pa.CompressedInputStream(buffered, "zstd"))
    elif label.endswith(PACKED):
        raise UserError(f"{label} is not packed, though its name says so; get it again")
    else:
        return buffered
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, opened)))


class _XzReader(io.RawIOBase):
    """What an .xz file unpacks to; Python's own reader takes what memory the file asks for."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._unpacker = _new_unpacker()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        if offset < self._position:
            self._file.seek(0)
            self._unpacker = _new_unpacker()
            self._position = 0
        while self._position < offset and self.read(min(_CHUNK_BYTES, offset - self._position)):
            pass
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        content = b""
        while not content:
            packed = b""
            if self._unpacker.eof:
                # Another stream may follow, after zeros that fill up four bytes.
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed:
                    if not (more := self._file.read(_CHUNK_BYTES)):
                        return 0
                    packed = more.lstrip(b"\0")
                self._unpacker = _new_unpacker()
            elif self._unpacker.needs_input and not (packed := self._file.read(_CHUNK_BYTES)):
                raise EOFError("it ends within a stream")
            content = self._unpacker.decompress(packed, len(buffer))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def _new_unpacker() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_WINDOW_BYTES)
