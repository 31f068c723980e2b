"""Sources by name: data sets of mtdata."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from small_archives import tarball

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.errors import UserError
from attn2seq.reading.row import Row

Make = Callable[..., CatalogueEntry]


class DatasetId(SimpleNamespace):
    """As mtdata's: what the name says."""

    @classmethod
    def parse(cls, name: str) -> str:
        if name.count("-") < 3:
            raise ValueError("too few parts")
        return name


def mtdata_entry(name: str, **fields: Any) -> tuple[str, SimpleNamespace]:
    languages = tuple(name.split("-")[-2:])
    empty = dict.fromkeys(("in_paths", "in_ext", "cols"))
    did = SimpleNamespace(langs=languages)
    return name, SimpleNamespace(**(empty | {"did": did, "ext": "tgz"} | fields))


@pytest.fixture
def mtdata(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of mtdata 0.5 that are asked, with entries as it has them."""
    zipped = {"ext": "zip", "in_ext": "txt", "in_paths": ["*.de", "*.en"]}
    entries = dict(
        [
            mtdata_entry("A-tsv-1-deu-eng", url="http://127.0.0.1:9/a.tsv", ext="tsv"),
            mtdata_entry("A-txt-1-deu-eng", url="https://127.0.0.1:9/t.tgz", in_ext="txt",
                         in_paths=["in/t.de", "in/t.en"]),
            mtdata_entry("A-zip-1-deu-eng", url="https://127.0.0.1:9/de-en.txt.zip", **zipped),
            mtdata_entry("A-xlsx-1-deu-eng", url="https://127.0.0.1:9/t.xlsx", ext="xlsx"),
            mtdata_entry("A-two-1-eng-deu", url=("https://a/1", "https://a/2"), ext="txt"),
        ]
    )  # fmt: skip
    package, index, entry = (ModuleType(name) for name in ("mtdata", "index", "entry"))
    index.Index = SimpleNamespace(  # type: ignore[attr-defined]
        get_instance=lambda: SimpleNamespace(entries=entries)
    )
    entry.DatasetId = DatasetId  # type: ignore[attr-defined]
    for name, module in (("mtdata", package), ("mtdata.index", index), ("mtdata.entry", entry)):
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("A-tsv-1-deu-eng", "a.tsv", b"Los!\tGo!\n"),
        ("A-txt-1-deu-eng", "t.tgz", tarball({"in/t.de": "Los!\n", "in/t.en": "Go!\n"})),
    ],
)
def test_a_data_set_of_mtdata(
    make: Make, dev: Any, tmp_path: Path, mtdata: None, name: str, file: str, content: bytes
) -> None:
    """Its German is first; the entry goes from English."""
    (tmp_path / "mirror/mine").mkdir(parents=True)
    (tmp_path / "mirror/mine" / file).write_bytes(content)
    source = {"source": f"mtdata:{name}", "sha256": "unknown"}
    entry = make(
        reader="parallel_lines", delimiter=None, columns=None, files=None,
        splits={"train": source, "dev": dict(source)}, make_splits={"test": 1, "seed": 1},
    )  # fmt: skip
    assert dev(entry, tmp_path / "mirror") == [Row(1, "Go!", ["Los!"])]
    text = (tmp_path / "catalogue/mine.yaml").read_text(encoding="utf-8")
    assert hashlib.sha256(content).hexdigest() in text


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("A-tsw-1-deu-eng", r"mtdata has no A-tsw-1-deu-eng \(did you mean A-tsv-1-deu-eng\?\)"),
        ("x", r"mtdata does not read x \(too few parts\)"),
        ("A-xlsx-1-deu-eng", "comes as xlsx, which is not read from mtdata; name its files by"),
        ("A-two-1-eng-deu", "comes as two addresses, which is not read from mtdata"),
    ],
)
def test_unknown_data_sets_of_mtdata(
    with_source: Make, dev: Any, mtdata: None, name: str, fault: str
) -> None:
    with pytest.raises(UserError, match=fault):
        dev(with_source(f"mtdata:{name}"))
