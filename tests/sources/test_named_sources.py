"""Sources by name: test sets of sacreBLEU and files of the hub."""

import gzip
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from sacrebleu.dataset.fake_sgml import FakeSGMLDataset
from sacrebleu.dataset.wmt_xml import WMTXMLDataset
from small_archives import segments, tarball

from attn2seq.catalogue.catalogue import read_catalogue_entry, read_raw_entry, write_digests
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.errors import UserError
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row
from attn2seq.sources import named
from attn2seq.sources.download import Places, download_corpus

Make = Callable[..., CatalogueEntry]
COMMIT = "0123456789" * 4
HUB = f"hub:me/set@{COMMIT}/data/train-00000-of-00001.parquet"


TEST_SET = tarball(
    {
        "test/src.en.sgm": segments("srcset", "Go!", "Stop!"),
        "test/ref.de.sgm": segments("refset", "Los!", "Halt!"),
        "test/ref2.de.sgm": segments("refset", "Auf!", "Stopp!"),
    }
)
XML_SET = tarball(
    {
        "x/set.xml": '<dataset><doc id="d" origlang="en"><src lang="en"><p><seg id="1">Go!</seg>'
        '</p></src><ref lang="de" translator="A"><p><seg id="1">Los!</seg></p></ref></doc>'
        "</dataset>"
    }
)


@pytest.fixture
def test_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two of sacreBLEU's classes with small archives, in a mirror."""

    def table(packed: bytes, **langpairs: list[str]) -> dict[str, Any]:
        return {
            "data": ["https://127.0.0.1:9/test.tgz"], "md5": [hashlib.md5(packed).hexdigest()],
            "langpairs": {key.replace("_", "-"): value for key, value in langpairs.items()},
        }  # fmt: skip

    sgm = table(
        TEST_SET,
        en_de=["test/src.en.sgm", "test/ref.de.sgm"],
        en_fr=["test/src.en.sgm", "test/ref.de.sgm", "test/ref2.de.sgm"],
    )
    xml = table(XML_SET, en_de=["x/set.xml"]) | {"refs": ["A"]}
    sets = {"wmt14": FakeSGMLDataset("wmt14", **sgm), "wmt21": WMTXMLDataset("wmt21", **xml)}
    monkeypatch.setattr(named, "_test_sets", lambda: sets)
    (tmp_path / "mirror/mine").mkdir(parents=True)
    (tmp_path / "mirror/mine/wmt14.test.tgz").write_bytes(TEST_SET)
    return tmp_path / "mirror"


def test_a_test_set_of_sacrebleu(
    with_source: Make, dev: Any, test_sets: Path, tmp_path: Path
) -> None:
    assert dev(with_source("sacrebleu:wmt14/en-de"), test_sets) == [
        Row(1, "Go!", ["Los!"]), Row(2, "Stop!", ["Halt!"]),
    ]  # fmt: skip
    names = {path.name for path in (tmp_path / "raw").iterdir()}
    assert names == {"corpus.yaml", "mine.tsv", "wmt14.en-de.src", "wmt14.en-de.ref"}


def test_a_test_set_with_two_references(with_source: Make, dev: Any, test_sets: Path) -> None:
    entry = with_source("sacrebleu:wmt14/en-fr", tgt_lang="fr")
    assert dev(entry, test_sets)[1] == Row(2, "Stop!", ["Halt!", "Stopp!"])


def test_a_test_set_in_xml(with_source: Make, dev: Any, test_sets: Path) -> None:
    (test_sets / "mine/wmt21.test.tgz").write_bytes(XML_SET)
    assert dev(with_source("sacrebleu:wmt21/en-de"), test_sets) == [
        Row(1, "Go!", ["Los!"]),
    ]


def test_a_test_set_that_is_another(
    with_source: Make, dev: Any, test_sets: Path, tmp_path: Path
) -> None:
    (test_sets / "mine/wmt14.test.tgz").write_bytes(XML_SET)
    with pytest.raises(UserError, match=r"test\.tgz has the md5 \w+, but sacreBLEU says \w+: the"):
        dev(with_source("sacrebleu:wmt14/en-de"), test_sets)
    assert not (tmp_path / "raw").exists()


def test_without_a_network_each_source_says_what_it_wanted(
    with_source: Make, dev: Any, test_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named, "HUB", "https://127.0.0.1:9/datasets")
    address = f"https://127.0.0.1:9/datasets/me/set/resolve/{COMMIT}/data/train-00000-of-00001"
    for source, wanted, file in (
        ("sacrebleu:wmt14/en-de", "https://127.0.0.1:9/test.tgz", "wmt14.test.tgz"),
        (HUB, f"{address}.parquet", "train-00000-of-00001.parquet"),
    ):
        with pytest.raises(UserError) as caught:
            dev(with_source(source, columns={"src": "en", "tgt": "de"}, header=True))
        assert f"{wanted}: [Errno 111] Connection refused" in str(caught.value)
        assert f"set CORPUS_MIRROR to a folder (or an address) that holds it as mine/{file}" in str(
            caught.value
        )


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("sacrebleu:wmt99/en-de", "sacreBLEU has no test set wmt99 \\("),
        ("sacrebleu:wmt14/en-xx", "wmt14 has no en-xx \\(it has cs-en, en-cs, de-en, en-de"),
        ("sacrebleu:wmt14/de-en", "de-en goes from de; name en-de"),
        ("sacrebleu:wmt14/en-fr", "has the languages en, fr, but the entry has en and de"),
        ("sacrebleu:wmt17/ms/zh-en", "wmt17/ms comes as a zip, which is not unpacked"),
        ("sacrebleu:wmt14", "sacreBLEU has no test set wmt14 \\("),
        ("hub:me/set/train.parquet", "needs hub:<dataset>@<commit>/<file>, with the 40 digits"),
        (f"hub:me/set@{COMMIT}", "needs hub:<dataset>@<commit>/<file>, with the 40 digits"),
        ("mtdata:Statmt-europarl-10-deu-eng", r"needs the package mtdata \(pip install mtdata\)"),
    ],
)
def test_unknown_sources(
    with_source: Make, dev: Any, source: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mtdata.entry", None)
    with pytest.raises(UserError, match=rf"mine, splits\.dev\.source: {fault}"):
        dev(with_source(source))


@pytest.mark.parametrize(
    ("dev_split", "fault"),
    [
        ({"source": "web:x"}, r"splits\.dev: needs either files, or a source: sacrebleu:wmt14"),
        ({"source": HUB, "file": "mine.tsv"}, r"splits\.dev: needs either files, or a source"),
        ({"source": HUB}, r"splits\.dev\.sha256: missing; .* \(unknown: the first download writes"),
        ({"source": "sacrebleu:wmt14/en-de", "sha256": "unknown"}, r"sha256: leave it out; sacre"),
        ({"sha256": "unknown"}, r"splits\.dev: needs either files, or a source"),
    ],
)
def test_faults_of_a_source(make: Make, dev_split: dict[str, str], fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        make(splits={"train": {"file": "mine.tsv"}, "dev": dev_split})


@pytest.fixture
def hub(served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """A mirror with a file of the hub, which itself does not answer."""
    address, folder = served
    monkeypatch.setattr(named, "HUB", "https://127.0.0.1:9/datasets")
    file = folder / "mine/train-00000-of-00001.parquet"
    table = pa.table({"translation": [{"en": "Go!", "de": "Los!"}, {"en": "Stop!", "de": "Halt!"}]})
    pq.write_table(table, file)
    return address, file


ENTRY = f"""# A comment.
name: mine
title: My sentences
task: translation
src_lang: en
tgt_lang: de
files: [{{path: mine.tsv}}] # mine
reader: parquet
columns: {{src: translation.en, tgt: translation.de}}
splits:
  train: {{source: "{HUB}", sha256: unknown}} # theirs
make_splits: {{dev: 1, test: 1, seed: 1}}
bleu_tokenizer: 13a
licence: my own
citation: unknown
"""


def test_a_file_of_the_hub_is_pinned_at_the_first_download(
    tmp_path: Path, make: Make, hub: tuple[str, Path]
) -> None:
    make()
    path = tmp_path / "catalogue/mine.yaml"
    path.write_text(ENTRY, encoding="utf-8")
    mirror, file = hub
    places = Places(tmp_path / "local", tmp_path / "cache", mirror)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()

    def take() -> list[Row]:
        entry = read_catalogue_entry(path.parent, "mine")
        learnt = download_corpus(entry, tmp_path / "raw", places, lambda _: None)
        if learnt:
            write_digests(path, learnt)
        return list(read_rows(tmp_path / "raw", read_raw_entry(tmp_path / "raw"), "train"))

    rows = [Row(1, "Go!", ["Los!"]), Row(2, "Stop!", ["Halt!"])]
    assert take() == rows
    assert path.read_text(encoding="utf-8") == ENTRY.replace("sha256: unknown", f"sha256: {sha256}")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [sha256]
    # From then on it comes out of the cache, and no other file is taken for it.
    file.write_bytes(b"PAR1, another")
    assert take() == rows
    (tmp_path / "cache" / sha256).unlink()
    with pytest.raises(UserError, match=f"but the catalogue says {sha256}"):
        take()


def test_the_sha256_of_an_address_can_be_unknown_too(
    tmp_path: Path, make: Make, dev: Any, served: tuple[str, Path]
) -> None:
    address, folder = served
    (folder / "mine/a.tsv.gz").write_bytes(gzip.compress(b"c\td\n", mtime=0))
    entry = make(
        files=[{"path": "mine.tsv"}, {"url": "https://127.0.0.1:9/a.tsv.gz", "sha256": "unknown"}],
        splits={"train": {"file": "mine.tsv"}, "dev": {"file": "a.tsv.gz"}},
        make_splits={"test": 1, "seed": 1},
    )
    assert dev(entry, address) == [Row(1, "c", ["d"])]
    written = YAML(typ="safe").load(tmp_path / "catalogue/mine.yaml")["files"][1]["sha256"]
    assert written == hashlib.sha256((folder / "mine/a.tsv.gz").read_bytes()).hexdigest()
