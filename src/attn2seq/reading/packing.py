"""What a packed file unpacks to: piece by piece, in no more than MAX_WINDOW_BYTES."""

import bz2
import errno
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

from attn2seq.config import plain
from attn2seq.errors import UserError

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


def damage(fault: str, error: Exception) -> Exception:
    """What to raise where reading a file raised `error`, one of DAMAGE or an OSError."""
    # An OSError with another number is the machine's fault, not the file's.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return error
    reason = plain(str(error)[:200]) or type(error).__name__
    return UserError(f"{fault} ({reason}); download it again")


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
