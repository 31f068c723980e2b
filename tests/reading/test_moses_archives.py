"""Archives of OPUS, lines without text, and splits of several files."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

MEMBERS = {
    "README": "about\n", "LICENSE": "CC0\n", "Books.de-en.de": "Los!\nHalt!\n",
    "Books.de-en.en": "Go!\nStop!\n", "Books.de-en.ids": "1\t1\n2\t2\n",
}  # fmt: skip
PAIRS = [Row(1, "Go!", ["Los!"]), Row(2, "Stop!", ["Halt!"])]
MOSES = {
    "reader": "moses", "delimiter": None, "columns": None, "files": [{"path": "de-en.txt.zip"}],
    "splits": {"train": {"file": "de-en.txt.zip"}},
}  # fmt: skip


def zipped(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def read(raw: Path) -> list[Row]:
    return list(read_rows(raw, read_raw_entry(raw), "train"))


def test_the_two_texts_are_found_by_their_languages(raw_corpus: Callable[..., Path]) -> None:
    assert read(raw_corpus({"de-en.txt.zip": zipped(MEMBERS)}, **MOSES)) == PAIRS


def test_a_tar_does_as_well(raw_corpus: Callable[..., Path]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(f"in/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    changes: Any = MOSES | {
        "files": [{"path": "b.tar.gz"}], "splits": {"train": {"file": "b.tar.gz"}},
    }  # fmt: skip
    assert read(raw_corpus({"b.tar.gz": packed.getvalue()}, **changes)) == PAIRS


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (zipped({"a.en": "x\n"}), r"one file ending in \.de is needed, and it has a\.en; correct"),
        (zipped(MEMBERS | {"b.en": ""}), r"ending in \.en is needed, and it has Books.*, b\.en"),
        (zipped(MEMBERS | {"Books.de-en.en": "Go!\n"}), r"Books.de-en.en has 1, .*de has 2; line"),
        (zipped(MEMBERS)[:-30], "is damaged or cut short"),
    ],
)
def test_bad_archives(raw_corpus: Callable[..., Path], content: bytes, fault: str) -> None:
    with pytest.raises(UserError, match=rf"de-en\.txt\.zip.*{fault}"):
        read(raw_corpus({"de-en.txt.zip": content}, **MOSES))


def test_lines_that_are_no_text_on_both_sides_are_left_out(
    raw_corpus: Callable[..., Path],
) -> None:
    raw = raw_corpus(
        {"a": "<url>x</url>\nGo!\n<3 you\n", "b": "<url>x</url>\nLos!\nDich\n"},
        reader="parallel_lines", delimiter=None, columns=None, skip_lines="^<",
        files=[{"path": "a"}, {"path": "b"}], splits={"train": {"src": "a", "tgt": "b"}},
    )  # fmt: skip
    assert read(raw) == [Row(2, "Go!", ["Los!"]), Row(3, "<3 you", ["Dich"])]


def test_a_split_of_several_files_each_with_its_reader(raw_corpus: Callable[..., Path]) -> None:
    raw = raw_corpus(
        {"de-en.txt.zip": zipped(MEMBERS), "mine.tsv": "a\tb\n", "x.en": "c\n", "x.de": "d\n"},
        files=[{"path": name} for name in ("de-en.txt.zip", "mine.tsv", "x.en", "x.de")],
        splits={
            "train": {
                "parts": [
                    {"file": "de-en.txt.zip", "reader": "moses"},
                    {"file": "mine.tsv"},
                    {"src": "x.en", "tgt": "x.de", "reader": "parallel_lines"},
                ]
            }
        },
    )
    assert read(raw) == [*PAIRS, Row(1, "a", ["b"]), Row(1, "c", ["d"])]
