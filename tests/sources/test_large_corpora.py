"""Entries of corpora too large to download here: small files of their form, from a local server."""

import copy
import gzip
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sacrebleu.dataset import DATASETS
from small_archives import segments, tarball

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.sources import download, named
from attn2seq.sources.download import Places, download_corpus
from attn2seq.sources.named import resolve

CATALOGUE = Path(__file__).parents[2] / "data" / "catalogue"
TEST_SET = (["Go now!", "Stop at once!"], ["Geh jetzt los!", "Halt sofort an!"])


def lines(language: str, start: str = "", count: int = 40) -> str:
    return "".join(f"{start}a text in {language} {number}\n" for number in range(count))


def table(language: str) -> bytes:
    sides = [lines(side).splitlines() for side in ("en", language)]
    texts = [{"en": en, language: other} for en, other in zip(*sides, strict=True)]
    written = io.BytesIO()
    pq.write_table(pa.table({"translation": texts}), written)
    return written.getvalue()


def wmt(commentary: str) -> dict[str, bytes]:
    sides = {
        "europarl-v7": "training/europarl-v7.de-en",
        "commoncrawl": "commoncrawl.de-en",
        commentary.rpartition("/")[2].split(".")[0]: commentary,
    }
    packed = [
        tarball({f"{path}.{lang}": lines(lang, f"{name} ") for lang in ("de", "en")})
        for name, path in sides.items()
    ]
    version = commentary[-8:].split(".")[0].rpartition("v")[2]
    names = ("europarl-v7", "commoncrawl", f"nc-v{version}")
    return {f"training-parallel-{n}.tgz": p for n, p in zip(names, packed, strict=True)}


def iwslt(year: int, pair: str, *sets: str) -> bytes:
    """Lines with markup among them, and sets in XML."""
    members: dict[str, str] = {}
    for language in ("de", "en"):
        markup = "<url>http://x</url>\n<keywords>talks</keywords>\n<title>t</title>\n"
        members[f"{pair}/train.tags.{pair}.{language}"] = markup + lines(language)
        for name in sets:
            kind = "srcset" if pair.startswith(language) else "refset"
            texts = segments(kind, f"a text in {language} {name}")
            xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<mteval>\n{texts}</mteval>\n'
            members[f"{pair}/IWSLT{year}.{name}.{pair}.{language}.xml"] = xml
    return tarball(members)


TSV = gzip.compress("".join(f"ein Text in de {n}\ta text in en {n}\n" for n in range(40)).encode())
IWSLT14 = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")
# Small files of each corpus; pairs of train, dev and test.
CORPORA: dict[str, tuple[dict[str, bytes], tuple[int, int, int]]] = {
    "wmt14-en-de": (wmt("training/news-commentary-v9.de-en"), (120, 2, 2)),
    "wmt16-en-de": (wmt("training-parallel-nc-v11/news-commentary-v11.de-en"), (120, 2, 2)),
    "news-commentary-en-de": ({"news-commentary-v14.de-en.tsv.gz": TSV}, (40, 2, 2)),
    "europarl-en-de": ({"europarl-v9.de-en.tsv.gz": TSV}, (36, 2, 2)),
    "iwslt14-de-en": ({"de-en.tgz": iwslt(14, "de-en", *IWSLT14)}, (38, 2, 5)),
    "iwslt17-en-de": ({"en-de.tgz": iwslt(17, "en-de")}, (40, 2, 2)),
    "opus-100-en-de": (
        {f"opus100-{split}.parquet": table("de") for split in ("train", "validation", "test")},
        (40, 40, 40),
    ),
}


def small(entry: CatalogueEntry, files: dict[str, bytes]) -> CatalogueEntry:
    """The entry with the checksums of the small files, and small made splits."""
    values = entry.model_dump(exclude_none=True)

    def known(item: dict[str, Any], name: str) -> None:
        if item.get("sha256", "unknown") != "unknown":
            item["sha256"] = hashlib.sha256(files[name]).hexdigest()

    for file in values["files"]:
        known(file, file["url"].rpartition("/")[2])
    for split in values["splits"].values():
        known(split, split.get("source", "").rpartition("/")[2])
    for made in {"dev", "test"} & values.get("make_splits", {}).keys():
        values["make_splits"][made] = 2
    return CatalogueEntry.model_validate(values)


@pytest.fixture
def test_sets(served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test set of sacreBLEU as its own class reads it, from archives of two segments."""
    folder = served[1] / "mine"

    def shrunk(name: str) -> Any:
        dataset = copy.copy(DATASETS[name])
        src, ref = dataset.langpairs["en-de"]
        members = {src: segments("srcset", *TEST_SET[0]), ref: segments("refset", *TEST_SET[1])}
        packed = tarball(members)
        dataset.md5 = [hashlib.md5(packed).hexdigest()] * len(dataset.data)
        for url in dataset.data:
            (folder / dataset._get_tarball_filename(url)).write_bytes(packed)
        return dataset

    names = ("wmt13", "wmt14/full", "wmt15", "wmt16", "iwslt17", "iwslt17/tst2015")
    sets = {name: shrunk(name) for name in names}
    monkeypatch.setattr(named, "_test_sets", lambda: sets)
    return folder


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_by_files_of_its_form(
    name: str,
    tmp_path: Path,
    served: tuple[str, Path],
    test_sets: Path,
    prepare_settings: Callable[..., PrepareSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "RETRIES", 0)
    files, sizes = CORPORA[name]
    for file, content in files.items():
        (test_sets / file).write_bytes(content)
    entry = small(read_catalogue_entry(CATALOGUE, name), files)
    test_sets.rename(test_sets.with_name(entry.folder or name))
    places = Places(tmp_path / "local", tmp_path / "cache", served[0])
    learnt = download_corpus(entry, tmp_path / "raw", places, lambda _: None)
    assert len(learnt) == name.startswith("iwslt")
    prepared = tmp_path / "prepared"
    prepare_corpus(
        tmp_path / "raw", prepared, tmp_path / "m.json", prepare_settings(), lambda _: None
    )
    tables = {
        split: pq.read_table(prepared / f"{split}.parquet").to_pylist()
        for split in ("train", "dev", "test")
    }
    assert tuple(map(len, tables.values())) == sizes
    for row in tables["train"]:
        src, tgt = (text.split() for text in (row["src"], row["tgt"]))
        assert (src[-2], tgt[-2]) == (entry.src_lang, entry.tgt_lang)
        assert src[-1] == tgt[-1]
    if "sacrebleu" in str(entry.splits):
        assert [(row["src"], row["tgt"]) for row in tables["test"]] == [
            *zip(*TEST_SET, strict=True)
        ]


@pytest.mark.parametrize("name", CORPORA)
def test_what_an_entry_names_is_known(name: str) -> None:
    """Every source is in sacreBLEU's tables, and every file has an https address."""
    entry, places = resolve(read_catalogue_entry(CATALOGUE, name))
    assert len(places) == len(entry.files) > 0
    assert all(str(file.url).startswith("https://") for file in entry.files)
