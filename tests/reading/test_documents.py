"""Folders of documents with @sections, read out of an archive in one pass."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading import archives
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

Files = dict[str, str | bytes]
FILES: Files = {
    "corpus/README": "not read",
    "corpus/train/a.subject": "Hi,\nsee you at ten.\n@joe\n\n@subject\nMeeting",
    "corpus/train/b.subject": "Bye\n\n@subject\n\n",
    "corpus/train/deeper/c.subject": "not read",
    "corpus/dev/c.subject": "Lunch?\n@subject\nFood\n\n@ann0\nlunch\n\n@ann1\nlunch plans\n",
}


def packed(files: Files, name: str) -> bytes:
    made = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(made, "w") as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for member, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def read(raw_corpus: Callable[..., Path]) -> Callable[..., list[Row]]:
    def write(
        files: Files | bytes = FILES, split: str = "train", name: str = "m.tar.gz", **changes: Any
    ) -> list[Row]:
        keys = {"src": "body", "tgt": "subject", "references": ["ann0", "ann1"]} | changes
        content = files if isinstance(files, bytes) else packed(files, name)
        raw = raw_corpus(
            {name: content}, reader="documents", delimiter=None, columns=None, keys=keys,
            files=[{"path": name}], make_splits={"test": 1, "seed": 1},
            splits={split: {"file": f"{name}/corpus/{split}"} for split in ("train", "dev")},
        )  # fmt: skip
        return list(read_rows(raw, read_raw_entry(raw), split))

    return write


@pytest.mark.parametrize("name", ["m.tar.gz", "m.zip"])
def test_one_document_is_one_pair(read: Callable[..., list[Row]], name: str) -> None:
    assert read(name=name) == [
        Row(1, "Hi,\nsee you at ten.\n@joe", ["Meeting"]), Row(2, "Bye", [""]),
    ]  # fmt: skip
    assert read(name=name, split="dev") == [Row(1, "Lunch?", ["Food", "lunch", "lunch plans"])]


def test_an_archive_is_opened_once_whatever_its_size(
    read: Callable[..., list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = tarfile.TarFile
    monkeypatch.setattr(
        archives.tarfile, "TarFile", lambda **given: opened.append(1) or real(**given)
    )
    many = {f"corpus/train/{n:04}": f"text {n}\n@subject\n{n}" for n in range(500)}
    assert [row.targets for row in read(many)] == [[str(n)] for n in range(500)]
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ("Hi", r"m\.tar\.gz/corpus/train/a\.subject: the section @subject is missing \(it has bod"),
        ("a\n@subject\nb\n@subject\nc", r"a\.subject, line 4: the section @subject occurs twice"),
        (b"a\n\xff\n@subject\nb", r"a\.subject, line 2: not UTF-8"),
        ("a" * 3_000, r"a\.subject is larger than 2,000 bytes"),
    ],
)
def test_bad_documents(
    read: Callable[..., list[Row]],
    monkeypatch: pytest.MonkeyPatch,
    changed: str | bytes,
    fault: str,
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 2_000)
    with pytest.raises(UserError, match=fault):
        read(FILES | {"corpus/train/a.subject": changed})


@pytest.mark.parametrize("name", ["m.tar.gz", "m.zip"])
def test_bad_archives(read: Callable[..., list[Row]], name: str) -> None:
    with pytest.raises(UserError, match="has no files in the folder corpus/train"):
        read({"corpus/dev/a": "x"}, name=name)
    with pytest.raises(UserError, match=rf"{name}.* is damaged or cut short"):
        read(packed(FILES, name)[:-60], name=name)


def test_a_misspelt_section(read: Callable[..., list[Row]]) -> None:
    with pytest.raises(UserError, match=r"@subjekt is missing \(it has body\)"):
        read(tgt="subjekt")
