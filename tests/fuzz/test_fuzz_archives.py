"""Packed files and archives: the lines of the wanted member, or a fault that names the archive."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from generators import MUTATIONS, mutate, odd_text
from outcomes import Refused, Tally

from attn2seq.reading import archives
from attn2seq.reading.lines import read_lines

pytestmark = pytest.mark.promise("fuzz")

Members = list[tuple[str, bytes]]
WANTED = "in/a.txt"


def make_tar(members: Members) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return packed.getvalue()


def make_zip(members: Members, way: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", way) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there already
        for name, text in members:
            archive.writestr(name, text)
    return packed.getvalue()


PACKERS: dict[str, Callable[[Members], bytes]] = {
    "t.zip": make_zip,
    "s.zip": lambda members: make_zip(members, zipfile.ZIP_STORED),
    "t.tar.gz": lambda members: gzip.compress(make_tar(members)),
    "t.tgz": lambda members: gzip.compress(make_tar(members)),
    "t.tar.bz2": lambda members: bz2.compress(make_tar(members)),
    "t.tar.xz": lambda members: lzma.compress(make_tar(members)),
    "t.tar": make_tar,
}
NAMES = pytest.mark.parametrize("name", PACKERS)


def members_of(draw: random.Random) -> Members:
    """Some files, whose names lead wherever they like; the wanted one is among them."""
    others = ["b.txt", "../escaped.txt", "/etc/passwd", "in/../../x", "C:\\x", "a" * 300, "\u202ea"]
    members = [(name, b"another\n") for name in draw.sample(others, draw.randint(0, 4))]
    text = "".join(f"{odd_text(draw)}\n" for _ in range(draw.randint(1, 9))).encode()
    members.insert(draw.randint(0, len(members)), (WANTED, text))
    return members


def lines_in(text: bytes) -> list[str]:
    lines = text.decode().removeprefix("\ufeff").split("\n")[:-1]
    return [line.removesuffix("\r") for line in lines]


def read(folder: Path, name: str, member: str = WANTED) -> list[str]:
    return [line for _, line in read_lines(folder, f"{name}/{member}" if member else name)]


def nothing_else(folder: Path, name: str) -> None:
    assert [path.name for path in folder.parent.rglob("*")] == [folder.name, name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.mark.promise("inside")
@NAMES
def test_sound_archives_and_members_that_they_lack(tally: Tally, folder: Path, name: str) -> None:
    for seed in tally.seeds(30):
        draw = random.Random(f"{name} {seed}")
        members = members_of(draw)
        if seed % 3 == 0:  # the last of one name counts
            members.append((WANTED, b"the last\n"))
        (folder / name).write_bytes(PACKERS[name](members))
        got = tally.meet("archives", "sound archives", lambda: read(folder, name))
        assert got == lines_in(dict(members)[WANTED])
        wrong = draw.choice(["in/b.txt", "../in/a.txt", "in", "a.txt", "\u202e", "in//a.txt"])
        got = tally.meet(
            "archives", "members not there", lambda wrong=wrong: read(folder, name, wrong)
        )
        assert isinstance(got, Refused)
        assert got.message.startswith(f"{folder / name}")
    nothing_else(folder, name)


@NAMES
def test_damaged_archives(tally: Tally, folder: Path, name: str) -> None:
    """What is read is right to the byte. A bare tar has no checksum but that of its headers."""
    for seed in tally.seeds(120):
        draw = random.Random(f"{name} {seed}")
        members = members_of(draw)
        packed = PACKERS[name](members)
        if name == "t.tar":
            start = packed.index(WANTED.encode())
            given, damaged = (
                "bits flipped",
                MUTATIONS["bits flipped"](draw, packed[start : start + 500]),
            )
            damaged = packed[:start] + damaged + packed[start + 500 :]
        else:
            given, damaged = mutate(draw, packed)
        (folder / name).write_bytes(damaged)
        got = tally.meet("archives", given, lambda: read(folder, name))
        if isinstance(got, Refused):
            assert got.message.startswith(f"{folder / name}")
        else:
            assert got == lines_in(dict(members)[WANTED])


def test_damaged_gzip_files(tally: Tally, folder: Path) -> None:
    for seed in tally.seeds(300):
        draw = random.Random(seed)
        text = "".join(f"{odd_text(draw)}\n" for _ in range(draw.randint(1, 9))).encode()
        given, damaged = mutate(draw, gzip.compress(text))
        (folder / "t.gz").write_bytes(damaged)
        got = tally.meet("archives", given, lambda: read(folder, "t.gz", ""))
        if not isinstance(got, Refused):  # a part repeated may be the whole, which is a second text
            assert got in (lines_in(text), lines_in(text * 2))


def link(name: str, kind: bytes, target: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info.tobuf(tarfile.GNU_FORMAT)


def test_members_that_are_no_files(tally: Tally, folder: Path) -> None:
    kinds = [
        tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE,
        tarfile.BLKTYPE,
    ]  # fmt: skip
    for seed in tally.seeds(90):
        draw = random.Random(seed)
        target = draw.choice(["/etc/passwd", "../../x", WANTED, "b.txt", ""])
        if seed % 3:
            name = "t.tar"
            first = link(WANTED, draw.choice(kinds), target)
            (folder / name).write_bytes(
                first + link("b.txt", tarfile.SYMTYPE, WANTED) + b"\0" * 1024
            )
        else:
            name = "t.zip"
            info = zipfile.ZipInfo(WANTED)
            info.external_attr = 0o120777 << 16
            with zipfile.ZipFile(folder / name, "w") as archive:
                archive.writestr(info, target)
        got = tally.meet(
            "archives", "links, folders, devices", lambda name=name: read(folder, name)
        )
        assert isinstance(got, Refused)
        assert got.message == f"{folder / name}: {WANTED} is a folder or a link, not a file"


def test_passwords_and_unusual_ways_of_packing(tally: Tally, folder: Path) -> None:
    for seed in tally.seeds(160):
        draw = random.Random(seed)
        way = draw.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        locked = seed % 2 == 0
        packed = bytearray(make_zip(members_of(draw), zipfile.ZIP_STORED if locked else way))
        if locked:
            for place in range(len(packed)):
                if packed[place : place + 4] == b"PK\x01\x02":
                    packed[place + 8] |= 1
        (folder / "t.zip").write_bytes(packed)
        given = "passwords" if locked else "bzip2 and LZMA in zip"
        got = tally.meet("archives", given, lambda: read(folder, "t.zip"))
        assert isinstance(got, Refused)
        assert got.kinds == ["archive: password" if locked else "archive: way of packing"]


@NAMES
def test_directories_without_end(
    tally: Tally, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 20_000)
    for seed in tally.seeds(10):
        draw = random.Random(f"{name} {seed}")
        many = [("x" * draw.randint(50, 99) + str(n), b"") for n in range(draw.randint(200, 300))]
        (folder / name).write_bytes(PACKERS[name]([*many, (WANTED, b"text\n")]))
        got = tally.meet("archives", "endless directories", lambda: read(folder, name))
        assert isinstance(got, Refused)
        assert got.kinds == ["archive: endless directory"]


BODIES = [
    b"", b"text\n", b"30 size=-1024\n", b"12 path=../x\n", b"9" * 99, b"22 GNU.sparse.major=1\n",
    b"25 GNU.sparse.map=1,2,x\n", b"18 GNU.sparse.size=x\n", b"\xff\xfe",
]  # fmt: skip


def test_headers_of_tar_that_lie(tally: Tally, folder: Path) -> None:
    """Sizes, kinds and extensions at random, with a checksum that is right."""
    for seed in tally.seeds(500):
        draw = random.Random(seed)
        headers = b""
        for _ in range(draw.randint(1, 4)):
            info = tarfile.TarInfo(
                draw.choice([WANTED, "././@LongLink", "././@PaxHeader", "b.txt"])
            )
            info.type = draw.choice(
                [b"0", b"L", b"K", b"x", b"g", b"S", b"1", b"2", b"5", b"7", b"Z"]
            )
            info.size = draw.choice([0, 1, 512, 2000, 1 << 33, 1 << 62, -1, -512, -1024])
            header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
            header[345:500] = draw.choice([bytes(155), draw.randbytes(155)])
            header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:512]) + 256)
            headers += bytes(header) + draw.choice(BODIES).ljust(
                512 * draw.choice([0, 1, 1]), b"\0"
            )
        (folder / "t.tar").write_bytes(headers + b"\0" * draw.choice([0, 100, 1024]))
        got = tally.meet("archives", "tar headers that lie", lambda: read(folder, "t.tar"))
        assert not isinstance(got, Refused) or got.message.startswith(f"{folder / 't.tar'}")
