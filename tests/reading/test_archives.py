"""Archives from elsewhere: what is not a plain file of text is refused, in little memory."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.reading import archives, packing
from attn2seq.reading.archives import open_member


def content(path: Path, member: str = "a.txt") -> bytes:
    with ExitStack() as stack:
        return open_member(stack, path, member).read()


def header(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> bytes:
    """A tar header; a negative size is written as the tar of GNU would."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info.tobuf(tarfile.GNU_FORMAT)


def tar(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return packed.getvalue()


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_the_last_of_two_members_of_one_name_counts(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    if suffix == ".tar":
        path.write_bytes(tar(("a.txt", b"old"), ("b.txt", b"other"), ("a.txt", b"new")))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "old")
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("a.txt", "new")
    assert content(path) == b"new"


@pytest.mark.parametrize("streams", [1, 2])
def test_an_xz_archive_of_one_stream_or_two(tmp_path: Path, streams: int) -> None:
    """Read forward and back, as a tar is: the names first, then the member."""
    text = bytes(range(256)) * 1000
    packed = tar(("a.txt", text), ("b.txt", text[::-1]))
    half = len(packed) // streams
    parts = [packed[start : start + half] for start in range(0, len(packed), half)]
    (tmp_path / "t.tar.xz").write_bytes(b"\0\0\0\0".join(lzma.compress(part) for part in parts))
    assert content(tmp_path / "t.tar.xz") == text
    assert content(tmp_path / "t.tar.xz", "b.txt") == text[::-1]


def test_an_xz_archive_cut_short(tmp_path: Path) -> None:
    packed = lzma.compress(tar(("a.txt", random.Random(1).randbytes(100_000))))
    (tmp_path / "t.tar.xz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match=r"t\.tar\.xz is damaged or cut short"):
        content(tmp_path / "t.tar.xz")


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_wrong_byte_in_the_text_of_a_packed_tar(tmp_path: Path, suffix: str) -> None:
    """A tar has no checksum of its texts; that of what it is packed in must be looked at."""
    # So long that the zeros at the end of the tar fill a record of 10,240 bytes.
    texts = random.Random(1).randbytes(20_480 - 512)
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    packed = bytearray(pack(tar(("a.txt", texts))))
    path = tmp_path / f"t.tar{suffix}"
    for place in range(len(packed) // 2, len(packed) // 2 + 40):
        packed[place] ^= 1
        path.write_bytes(packed)
        with pytest.raises(UserError, match="is damaged or cut short"):
            content(path)
        packed[place] ^= 1
    path.write_bytes(packed)
    assert content(path) == texts


@pytest.mark.promise("bounds")
def test_an_xz_archive_that_wants_much_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_WINDOW_BYTES", 1 << 20)
    (tmp_path / "t.tar.xz").write_bytes(lzma.compress(tar(("a.txt", b"text")), preset=6))
    with pytest.raises(UserError, match="Memory usage limit"):
        content(tmp_path / "t.tar.xz")


@pytest.mark.promise("bounds")
@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_a_directory_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 10_000)
    path = tmp_path / f"t{suffix}"
    if suffix == ".tar":
        path.write_bytes(tar(*((str(n), b"") for n in range(30))))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for n in range(300):
                archive.writestr(str(n), b"")
    with pytest.raises(UserError, match=r"has a directory of more than (10|2),[05]00 bytes"):
        content(path)


@pytest.mark.promise("bounds")
def test_a_name_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 10_000)
    long_name = header("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 40)
    (tmp_path / "t.tar").write_bytes(long_name + b"x" * 20_000)
    with pytest.raises(UserError, match="has a directory of more than 10,000 bytes"):
        content(tmp_path / "t.tar")


@pytest.mark.parametrize(
    "headers",
    [
        [header("a.txt", size=-1024), header("b.txt", size=-1024)],
        [header("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1) + b"\0" * 512] * 2000,
        [b"\0" * 511 + b"x"],
    ],
    ids=["sizes below zero", "names for names", "no header"],
)
def test_headers_that_lead_nowhere(tmp_path: Path, headers: list[bytes]) -> None:
    (tmp_path / "t.tar").write_bytes(b"".join(headers) + b"\0" * 1024)
    with pytest.raises(UserError, match=r"t\.tar is damaged or cut short"):
        content(tmp_path / "t.tar")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_links_and_folders_of_a_tar(tmp_path: Path, kind: bytes) -> None:
    """Two links that lead to each other would be followed for ever."""
    members = [header("a.txt", kind, "b.txt"), header("b.txt", kind, "a.txt")]
    (tmp_path / "t.tar").write_bytes(b"".join(members) + b"\0" * 1024)
    with pytest.raises(UserError, match=r"t.tar: a.txt is a folder or a link, not a file"):
        content(tmp_path / "t.tar")


def test_links_and_folders_of_a_zip(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.txt")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("folder")
    for member in ("a.txt", "folder/"):
        with pytest.raises(UserError, match=f"{member} is a folder or a link, not a file"):
            content(tmp_path / "t.zip", member)


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_python_would_unpack_at_one_go(tmp_path: Path, way: int) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", way) as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(UserError, match=rf"a.txt uses method {way} of zip; pack it with defl"):
        content(tmp_path / "t.zip")


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    packed = bytearray((tmp_path / "t.zip").read_bytes())
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "t.zip").write_bytes(packed)
    with pytest.raises(UserError, match=r"a.txt has a password; pack it without one"):
        content(tmp_path / "t.zip")


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_an_archive_of_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(tar())
    if suffix == ".zip":
        zipfile.ZipFile(path, "w").close()
    with pytest.raises(UserError, match=r"has no file a.txt \(it has nothing\)"):
        content(path)
