"""Entries that name a source, and their dev set as it is read after the download."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_catalogue_entry, read_raw_entry, write_digests
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row
from attn2seq.sources import download
from attn2seq.sources.download import Places, download_corpus

Make = Callable[..., CatalogueEntry]


@pytest.fixture
def make(tmp_path: Path, write_entry: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Make:
    """An entry out of the catalogue; its own file is in data/local."""
    monkeypatch.setattr(download, "RETRIES", 0)
    (tmp_path / "local").mkdir()
    (tmp_path / "local/mine.tsv").write_text("a\tb\n", encoding="utf-8")

    def entry(**changes: Any) -> CatalogueEntry:
        return read_catalogue_entry(write_entry(**changes), "mine")

    return entry


@pytest.fixture
def with_source(make: Make) -> Make:
    """An entry whose train is in mine.tsv, and dev from a source."""

    def entry(source: str, **changes: Any) -> CatalogueEntry:
        sha256 = {} if source.startswith("sacrebleu") else {"sha256": "unknown"}
        splits = {"train": {"file": "mine.tsv"}, "dev": {"source": source, **sha256}}
        return make(**({"splits": splits, "make_splits": {"test": 1, "seed": 1}} | changes))

    return entry


@pytest.fixture
def dev(tmp_path: Path) -> Callable[..., list[Row]]:
    """Downloads, and reads dev."""

    def rows(entry: CatalogueEntry, mirror: Path | str | None = None) -> list[Row]:
        places = Places(tmp_path / "local", tmp_path / "cache", mirror)
        learnt = download_corpus(entry, tmp_path / "raw", places, lambda _: None)
        if learnt:
            write_digests(tmp_path / "catalogue/mine.yaml", learnt)
        return list(read_rows(tmp_path / "raw", read_raw_entry(tmp_path / "raw"), "dev"))

    return rows
