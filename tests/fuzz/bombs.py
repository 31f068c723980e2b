"""Small files that unpack to 2 GiB, and the worst of lines that are not yet too long."""

import bz2
import gzip
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator

from attn2seq.reading.archives import MAX_DIRECTORY_BYTES
from attn2seq.reading.lines import MAX_LINE_BYTES


def _xz(content: bytes) -> bytes:
    return lzma.compress(content, preset=0)


PART, PARTS = bytes(16 << 20), 128
_PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": _xz}


def bombs() -> Iterator[tuple[str, bytes]]:
    """By file name; of an archive the member `a` is wanted."""
    parts = {name: pack(PART) for name, pack in _PACKED.items()}
    yield "zeros.gz", parts["gz"] * PARTS
    yield "zeros.zip", _zip_of_zeros()
    yield "names.zip", _zip_of_names()
    yield "folders.tar", _tar_header(tarfile.DIRTYPE, 0) * 70_000
    for name, pack in _PACKED.items():
        yield f"zeros.tar.{name}", pack(_tar_header(tarfile.REGTYPE)) + parts[name] * PARTS
        yield f"name.tar.{name}", pack(_tar_header(tarfile.GNUTYPE_LONGNAME)) + parts[name] * PARTS


def worst_lines() -> Iterator[tuple[str, bytes]]:
    """By reader: one line of the most bytes, made to take the most memory."""
    room = MAX_LINE_BYTES - 100
    yield "delimited", b"ab\t" * (room // 3)
    yield "header", b"ab\t" * (room // 3)
    yield "dictionary", b"ab\t" * (room // 3)
    yield "json_lines", b'{"body": [' + b"[]," * (room // 3) + b"[]]}"
    yield "key_value_lines", b"IN: OUT: \xf0\x9f\x98\x80" + b"x" * room


def yaml_of_aliases() -> str:
    """Each level holds the one before twice."""
    levels = (f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    return "a0: &a0 x\n" + "".join(levels)


def _tar_header(kind: bytes, size: int = len(PART) * PARTS) -> bytes:
    info = tarfile.TarInfo("././@LongLink" if kind == tarfile.GNUTYPE_LONGNAME else "a")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def _zip_of_zeros() -> bytes:
    """One deflated member, whose parts can be repeated after a full flush."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = (packer.compress(PART) + packer.flush(zlib.Z_FULL_FLUSH)) * PARTS + b"\x03\x00"
    fields = (20, 0, 8, 0, 0, 0, len(packed), len(PART) * PARTS, 1, 0)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + b"a"
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, *fields, 0, 0, 0, 0, 0) + b"a"
    return local + packed + central + _zip_end(1, len(central), len(local + packed))


def _zip_of_names() -> bytes:
    """As much of a directory as is read, in the smallest entries."""
    member = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 2, *[0] * 6) + b"ab"
    # Less what Python reads in search of the end.
    count = (MAX_DIRECTORY_BYTES // 4 - (1 << 17)) // len(member)
    return member * count + _zip_end(count & 0xFFFF, len(member) * count, 0)


def _zip_end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, 0)
