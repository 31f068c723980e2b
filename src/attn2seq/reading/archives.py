"""One file out of a zip or tar archive, read where it lies.

Nothing is ever unpacked to a path, so that a member's name can lead nowhere. An archive can also be
made to fill the memory: with a directory of a million names, or with a name that never ends. So no
more than MAX_DIRECTORY_BYTES of a directory are read.
"""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.names import composed
from attn2seq.reading.packing import DAMAGE, damage, unpacked

# All names in the archive and what it says of them: 65,536 members of a tar. Python keeps ten times
# as many bytes of a zip's entries, so of these a quarter is read: still some 80,000 members.
MAX_DIRECTORY_BYTES = 32 << 20
# Of one file where all of a folder are read.
MAX_MEMBER_BYTES = 16 << 20

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


def member_names(path: Path) -> list[str]:
    """The files in an archive. Raises UserError where it is missing, damaged or too large."""
    if not path.is_file():
        raise UserError(f"{path} is missing; run download again")
    with ExitStack() as stack:
        if path.name.endswith(".zip"):
            return [info.filename for info in _zip(stack, path).infolist() if not info.is_dir()]
        with _damage_told(path):
            _, archive = _open_tar(stack, path)
            return [info.name for info in _infos(archive) if info.isreg()]


def members_in(stack: ExitStack, path: Path, folder: str) -> Iterator[tuple[str, BinaryIO]]:
    """The files that lie directly in a folder of the archive, in one pass: name and bytes.

    Each is to be read before the next one is asked for. Raises UserError where there is none.
    """
    start, found = f"{composed(folder.rstrip('/'))}/", False
    for name, opened in chosen_members(
        stack, path, lambda name: _lies_in(name, start), MAX_MEMBER_BYTES
    ):
        found = True
        yield name, opened
    if not found:
        raise UserError(
            f"{path} has no files in the folder {plain(folder)}; correct the entry's splits"
        )


def chosen_members(
    stack: ExitStack, path: Path, chosen: Callable[[str], bool], most_bytes: int
) -> Iterator[tuple[str, BinaryIO]]:
    """The files of an archive whose names are chosen, in one pass: name and bytes.

    Each is to be read before the next one is asked for. Raises UserError where the archive is
    missing or damaged, or, of a tar, where a file has more than so many bytes.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; run download again")
    members = _zip_members if path.name.endswith(".zip") else _tar_members
    return members(stack, path, chosen, most_bytes)


def _lies_in(name: str, start: str) -> bool:
    name = composed(name)
    return name.startswith(start) and "/" not in name[len(start) :]


def _zip_members(
    stack: ExitStack, path: Path, chosen: Callable[[str], bool], most_bytes: int
) -> Iterator[tuple[str, BinaryIO]]:
    archive = _zip(stack, path)
    for info in archive.infolist():
        if not info.is_dir() and chosen(info.filename):
            with ExitStack() as inner:
                yield info.filename, _unzipped(inner, path, archive, info)


def _tar_members(
    stack: ExitStack, path: Path, chosen: Callable[[str], bool], most_bytes: int
) -> Iterator[tuple[str, BinaryIO]]:
    with _damage_told(path):
        file, archive = _open_tar(stack, path)
        for info in _infos(archive):
            if info.isreg() and chosen(info.name):
                # Of what is read, only the directory is bounded here.
                ration, file.ration = file.ration, None
                content = cast(BinaryIO, archive.extractfile(info)).read(most_bytes + 1)
                file.ration = ration
                if len(content) > most_bytes:
                    label = f"{path}/{plain(info.name)}"
                    raise UserError(f"{label} is larger than {most_bytes:,} bytes")
                yield info.name, io.BytesIO(content)
        file.ration = None
        while file.read(_CHUNK_BYTES):
            pass  # a checksum stands at the end of what a tar is packed in


def _infos(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar; each later than the one before, or reading would never end."""
    end = -1
    for info in archive:
        if archive.offset <= end:
            raise tarfile.ReadError("a size is negative")
        end = archive.offset
        yield info


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Raises UserError where the block finds that the file is not what it seems."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        raise damage(f"{path} is damaged or cut short", error) from None


def _zip(stack: ExitStack, path: Path) -> zipfile.ZipFile:
    file = stack.enter_context(
        _Rationed(path.open("rb", buffering=0), path, MAX_DIRECTORY_BYTES // 4)
    )
    with _damage_told(path):
        archive = stack.enter_context(zipfile.ZipFile(file))
        file.ration = None
        return archive


def _zip_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    with _damage_told(path):
        archive = _zip(stack, path)
        found = _named(archive.NameToInfo, member)
        if found is None:
            raise _no_member(path, member, archive.namelist())
    return _unzipped(stack, path, archive, found)


def _unzipped(
    stack: ExitStack, path: Path, archive: zipfile.ZipFile, found: zipfile.ZipInfo
) -> BinaryIO:
    if found.is_dir() or stat.S_ISLNK(found.external_attr >> 16):
        raise _no_file(path, found.filename)
    if found.flag_bits & 1:
        raise UserError(f"{path}: {plain(found.filename)} has a password; pack it without one")
    if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python unpacks bzip2 and LZMA within a zip without a bound on the memory.
        raise UserError(
            f"{path}: {plain(found.filename)} uses method {found.compress_type} of zip; pack it "
            "with deflate, the usual one"
        )
    with _damage_told(path):
        opened = stack.enter_context(archive.open(found))
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, opened)))


def _tar_member(stack: ExitStack, path: Path, member: str) -> BinaryIO:
    with _damage_told(path):
        file, archive = _open_tar(stack, path)
        found, names = None, []
        for info in _infos(archive):
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


def _open_tar(stack: ExitStack, path: Path) -> tuple["_Rationed", tarfile.TarFile]:
    packed = cast(BinaryIO, stack.enter_context(path.open("rb")))
    file = stack.enter_context(
        _Rationed(unpacked(stack, packed, str(path)), path, MAX_DIRECTORY_BYTES)
    )
    return file, stack.enter_context(tarfile.TarFile(fileobj=file))


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
