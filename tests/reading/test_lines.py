"""Lines: a line feed ends one and nothing else; every kind of damage has its answer."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn2seq.errors import UserError
from attn2seq.reading import lines
from attn2seq.reading.lines import decoded_lines, read_lines


def texts(folder: Path, name: str) -> list[str]:
    return [text for _, text in read_lines(folder, name)]


def add_to_tar(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    inside = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\rh"
    (tmp_path / "t").write_bytes(f"{inside}\nsecond\r\n\nlast".encode())
    assert list(read_lines(tmp_path, "t")) == [(1, inside), (2, "second"), (3, ""), (4, "last")]


@settings(deadline=None, database=None)  # a busy machine is no fault
@given(st.lists(st.text("aé\u2028\ufeff\r", max_size=6)), st.booleans(), st.integers(1, 9))
def test_lines_are_the_same_whatever_is_read_at_once(
    given_lines: list[str], ended: bool, block: int
) -> None:
    """Blocks end within lines, within characters, and between the two halves of a line's end."""
    content = "\n".join(given_lines) + ("\n" if ended and given_lines else "")
    expected = content.removesuffix("\n").split("\n") if content else []
    if expected:
        expected[0] = expected[0].removeprefix("\ufeff")
    file = io.BytesIO(content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK_BYTES", block)
        found = list(decoded_lines(file, "t", 1000))
    assert found == list(enumerate((line.removesuffix("\r") for line in expected), start=1))


def test_a_byte_order_mark_is_left_out_at_the_start_alone(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes("\ufeffHi.\n\ufeffthere\n".encode())
    assert texts(tmp_path, "t") == ["Hi.", "\ufeffthere"]


@pytest.mark.parametrize(
    "name", ["t.gz", "t.zip/in/a.txt", "t.tar/in/a.txt", "t.tar.gz/a.gz", "t.tgz/a"]
)
def test_packed_files_give_the_lines_of_the_plain_one(tmp_path: Path, name: str) -> None:
    content = "ä\nb\n".encode()
    file, _, member = name.partition("/")
    inner = gzip.compress(content) if member.endswith(".gz") else content
    if file == "t.gz":
        (tmp_path / file).write_bytes(gzip.compress(content))
    elif file == "t.zip":
        with zipfile.ZipFile(tmp_path / file, "w") as archive:
            archive.writestr(member, inner)
    else:
        with tarfile.open(tmp_path / file, "w" if file == "t.tar" else "w:gz") as tar:
            add_to_tar(tar, member, inner)
    assert texts(tmp_path, name) == ["ä", "b"]


def test_bytes_that_are_not_utf8_name_the_line(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"fine\nalso\ncaf\xe9\n")
    with pytest.raises(UserError, match=r"t, line 3: not UTF-8 \(byte 0xe9 at position 4\); save"):
        texts(tmp_path, "t")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "t").touch()
    with pytest.raises(UserError, match="t is empty"):
        texts(tmp_path, "t")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="t is missing; run download again"):
        texts(tmp_path, "t")


def test_a_gzip_file_cut_short(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"line {number}\n" for number in range(5000)).encode())
    (tmp_path / "t.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"t\.gz is damaged or cut short after line \d+"):
        texts(tmp_path, "t.gz")


def test_plain_text_under_a_gzip_name(tmp_path: Path) -> None:
    (tmp_path / "t.gz").write_bytes(b"plain\n")
    with pytest.raises(UserError, match=r"t\.gz is not packed, though its name says so"):
        texts(tmp_path, "t.gz")


@pytest.mark.parametrize("name", ["t.zip", "t.tar", "t.tar.gz", "t.tar.xz", "t.tar.bz2"])
def test_an_archive_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UserError, match=r"is damaged or cut short|is not packed"):
        texts(tmp_path, f"{name}/a.txt")


def test_a_zip_file_with_a_wrong_byte(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.txt", "first line\n" * 100)
    data = bytearray((tmp_path / "t.zip").read_bytes())
    data[100] ^= 1
    (tmp_path / "t.zip").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.txt is damaged"):
        texts(tmp_path, "t.zip/a.txt")


def test_a_member_that_an_archive_has_not(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("fra.txt", "x\n")
    with pytest.raises(UserError, match=r"has no file fre\.txt \(did you mean fra\.txt\?\)"):
        texts(tmp_path, "t.zip/fre.txt")


@pytest.mark.promise("inside")
def test_a_hostile_archive_writes_nothing(tmp_path: Path) -> None:
    """Members with paths that lead out, and links, are names as any other: nothing is unpacked."""
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "t.tar", "w") as tar:
        add_to_tar(tar, "../escaped.txt", b"outside\n")
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        add_to_tar(tar, "a.txt", b"inside\n")
    assert texts(tmp_path / "in", "t.tar/a.txt") == ["inside"]
    with pytest.raises(UserError):
        texts(tmp_path / "in", "t.tar/link.txt")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "t.tar"]


@pytest.mark.promise("bounds")
def test_a_file_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"0123456789\n" * 1000))
    monkeypatch.setattr(lines, "MAX_TEXT_BYTES", 5000)
    with pytest.raises(UserError, match=r"t\.gz unpacks to more than 5,000 bytes"):
        texts(tmp_path, "t.gz")


@pytest.mark.promise("bounds")
def test_a_line_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"short\n" + b"0" * 100_000))
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    with pytest.raises(UserError, match=r"t\.gz, line 2: longer than 1,000 bytes"):
        texts(tmp_path, "t.gz")


@pytest.mark.parametrize("name", ["t.gz", "t.bz2", "t.xz", "t.zst"])
def test_a_packed_file_is_read(tmp_path: Path, name: str) -> None:
    content = "Straße\nzwei\n".encode() * 5_000
    pack: dict[str, Callable[[bytes], bytes]] = {
        "t.gz": gzip.compress,
        "t.bz2": bz2.compress,
        "t.xz": lzma.compress,
        "t.zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    }
    (tmp_path / name).write_bytes(pack[name](content))
    assert texts(tmp_path, name) == ["Straße", "zwei"] * 5_000
    (tmp_path / name).write_bytes(pack[name](content)[:-9])
    with pytest.raises(UserError, match=r"is damaged or cut short"):
        texts(tmp_path, name)


def test_a_file_in_a_folder_and_a_member_of_an_archive_there(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.txt").write_text("plain\n")
    with zipfile.ZipFile(tmp_path / "train/b.zip", "w") as archive:
        archive.writestr("inner/c.txt", "packed\n")
    assert texts(tmp_path, "train/a.txt") == ["plain"]
    assert texts(tmp_path, "train/b.zip/inner/c.txt") == ["packed"]
    with pytest.raises(UserError, match=r"train/none\.txt is missing"):
        texts(tmp_path, "train/none.txt")


@pytest.mark.parametrize("made", ["t.zip", "t.tar"])
def test_accents_of_a_member_s_name_are_encoded_in_either_way(tmp_path: Path, made: str) -> None:
    composed, decomposed = "Gr\u00fc\u00dfe.txt", "Gru\u0308\u00dfe.txt"
    if made == "t.zip":
        with zipfile.ZipFile(tmp_path / made, "w") as archive:
            archive.writestr(decomposed, "Hallo\n")
    else:
        with tarfile.open(tmp_path / made, "w") as tar:
            add_to_tar(tar, decomposed, b"Hallo\n")
    assert texts(tmp_path, f"{made}/{composed}") == ["Hallo"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:33\nsize 10000\n",
            "is a pointer of Git LFS, not the file itself: run `git lfs install`",
        ),
        (b"one\rtwo\rthree\r", "its lines end in carriage returns alone"),
        ("one\n".encode("utf-16"), "it seems to be UTF-16 text; save the file as UTF-8"),
        (b"PAR1\xff\x00", "it seems to be a parquet table"),
    ],
)
def test_what_only_looks_like_lines_of_text(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(UserError) as caught:
        texts(tmp_path, "t")
    assert fault in str(caught.value)
