"""Catalogue entries: one that can work, or every fault by its key; and none leads outside."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from corpus_files import values
from generators import mutate, odd_text
from outcomes import Refused, Tally
from ruamel.yaml import YAML

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.errors import UserError
from attn2seq.sources.download import Places, download_corpus

pytestmark = pytest.mark.promise("fuzz")

yaml = YAML(typ="safe")
DAMAGES, EACH, OUTSIDE = 700, 60, 300
Entry = dict[str, Any]
URL = {"url": "https://127.0.0.1:9/mine.tsv", "sha256": "0" * 64}
# Changes of a sound entry (None takes a key out), by the fault that each is.
FAULTS: dict[str, list[Entry]] = {
    "entry: other name": [{"name": "yours"}, {"name": "Mine"}],
    "entry: reader's keys": [
        {"keys": {"src": "a", "tgt": "b"}}, {"delimiter": None}, {"columns": None},
        {"splits": None}, {"reader": "key_value_lines"},
    ],
    "entry: files": [
        {"files": [{"path": path}]}
        for path in ("/etc/mine.tsv", "../mine.tsv", "a/../mine.tsv", "a/", ".", "a/.", "..")
    ] + [
        {"files": [{"url": url, "sha256": "0" * 64}]}
        for url in ("http://a.org/mine.tsv", "https://a.org/..", "https://a.org/.", "ftp://a/b",
                    "file:///etc/passwd", "https://a.org/")
    ] + [
        {"files": [{}]}, {"files": [{"url": URL["url"]}]}, {"files": [URL | {"path": "a"}]},
        {"files": [{"path": "mine.tsv"}, {"path": "x/mine.tsv"}]},
        {"files": [{"path": "mine.tsv"}, {"path": "corpus.yaml"}]},
        {"files": [{"path": "mine.tsv"}, {"path": "a\u202eb"}]},
        {"files": [{"path": "mine.tsv"}, {"path": "a\tb"}]},
        {"files": [{"path": "mine.tsv"}, {"path": "\u00e4" * 200}]},
    ],
    "entry: splits": [
        {"splits": {"train": {"file": "mine.tvs"}}}, {"splits": {"train": {"file": "a\x85b"}}},
        {"splits": {"train": {"src": "mine.tsv", "tgt": "mine.tsv"}}},
        {"splits": {"train": {"file": "mine.tsv/a"}}}, {"splits": {"train": {}}},
        {"make_splits": None}, {"make_splits": {"dev": 1, "seed": 1}},
        {"splits": {"train": {"file": "mine.tsv"}, "dev": {"file": "mine.tsv"}}},
    ],
    "entry: pattern": [
        {"remove_from_src": text} for text in ("(", "[", "a{99999999999}", "(?P<x", "\\", "*")
    ],
    "entry: key within key": [
        {"reader": "key_value_lines", "delimiter": None, "columns": None,
         "keys": {"src": src, "tgt": tgt}}
        for src, tgt in (("IN", "IN:"), ("A", "A"), ("OUT:", "T:"))
    ],
    "entry: name without header": [
        {"columns": {"src": "en", "tgt": 2}}, {"columns": {"src": 1, "tgt": "\u202e"}},
    ],
    "entry: generated has none": [
        {"reader": "generated", "delimiter": None, "columns": None,
         "generator": {"name": "phrasebook", "seed": 1, "train": 1, "dev": 1, "test": 1}},
    ],
    "settings: unknown key": [{"colums": 1}, {"a\u2028b": 1}, {"splits": {"train": {"f": "x"}}}],
    "settings: wrong value": [
        {"reader": "delimitid"}, {"header": "yes"}, {"columns": {"src": 0, "tgt": 2}},
        {"files": [{"path": 1}]}, {"name": "../x"}, {"folder": ".."}, {"max_columns": 1},
        {"make_splits": {"dev": 1.5, "test": 1, "seed": 1}}, {"splits": {"train": 1}},
    ],
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """The folder of a catalogue with the one entry `mine`."""

    def make(entry: Entry) -> Path:
        with (tmp_path / "mine.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(entry, file)
        return tmp_path

    return make


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_told_by_its_key(tally: Tally, write: Callable[..., Path], kind: str) -> None:
    for seed in tally.seeds(EACH):
        draw = random.Random(f"{kind} {seed}")
        change = FAULTS[kind][seed % len(FAULTS[kind])]
        folder = write(values(**({"title": odd_text(draw) + "x"} | change)))
        got = tally.meet("catalogue", "faults", partial(read_catalogue_entry, folder, "mine"))
        assert isinstance(got, Refused), change
        assert kind in got.kinds, got.message
        assert got.message.startswith(f"{folder / 'mine.yaml'} has ")


def test_damaged_entries(tally: Tally, write: Callable[..., Path]) -> None:
    """What is read is a sound entry that names no other file."""
    for seed in tally.seeds(DAMAGES):
        draw = random.Random(seed)
        folder = write(values(title=odd_text(draw) + "x"))
        given, content = mutate(draw, (folder / "mine.yaml").read_bytes())
        (folder / "mine.yaml").write_bytes(content)
        got = tally.meet("catalogue", given, partial(read_catalogue_entry, folder, "mine"))
        if isinstance(got, Refused):
            assert got.message.startswith(f"{folder / 'mine.yaml'}")
        else:
            assert got.name == "mine"
            assert_leads_nowhere(got)


def test_names_that_are_in_no_catalogue(tally: Tally, write: Callable[..., Path]) -> None:
    folder = write(values())
    for seed in tally.seeds(EACH):
        draw = random.Random(seed)
        name = draw.choice(
            ["../mine", "mine.yaml", "", "./mine", "mine\0", "/mine", odd_text(draw)]
        )
        got = tally.meet("catalogue", "other names", partial(read_catalogue_entry, folder, name))
        assert isinstance(got, Refused)
        assert got.kinds == ["entry: no such corpus"]


PARTS = ["..", ".", "", "a", "mine.tsv", "/", "//", "\\", "~", "%2e%2e", "?x", "#y", "\u202e", "C:"]


@pytest.mark.promise("inside")
def test_no_entry_writes_outside(tally: Tally, tmp_path: Path) -> None:
    """Whatever its files are called: all that a download writes lies in its folder."""
    for part in ("catalogue", "local", "mirror/mine", "cache"):
        (tmp_path / "root" / part).mkdir(parents=True)
    root, accepted = tmp_path / "root", 0
    for name in ("a", "mine.tsv", "~", "%2e%2e", "\\", "C:", "?x", "#y"):
        for folder in ("local", "mirror/mine"):
            (root / folder / name).write_bytes(b"a\tb\n")
    (root / "catalogue/mine.yaml").touch()
    before = {path for path in tmp_path.rglob("*") if root / "raw" not in path.parents}
    for seed in tally.seeds(OUTSIDE):
        draw = random.Random(seed)
        name = "/".join(draw.choices(PARTS, k=draw.randint(1, 3)))
        file = {"path": name} if seed % 2 else URL | {"url": f"https://127.0.0.1:9/{name}"}
        entry = values(files=[file], splits={"train": {"file": name.rsplit("/", 1)[-1] or "x"}})
        with (root / "catalogue/mine.yaml").open("w", encoding="utf-8") as stream:
            yaml.dump(entry, stream)
        got = tally.meet(
            "catalogue", "files outside", partial(read_catalogue_entry, root / "catalogue", "mine")
        )
        if isinstance(got, Refused):
            continue
        assert_leads_nowhere(got)
        places = Places(root / "local", root / "cache", root / "mirror")
        try:
            download_corpus(got, root / "raw", places, lambda text: None)
            accepted += 1
        except UserError:
            pass  # no such file, or another sha256
        now = {path for path in tmp_path.rglob("*") if root / "raw" not in path.parents}
        assert now - before <= {root / "raw"}
    assert accepted > 10 * tally.share


def assert_leads_nowhere(entry: CatalogueEntry) -> None:
    for file in entry.files:
        assert "/" not in file.name
        assert file.name.isprintable()
        assert file.name not in ("", ".", "..", "corpus.yaml")
        assert file.url is None or file.url.startswith("https://")
        path = Path("/local") / (file.path or "x")
        assert Path("/local") in path.parents
        assert ".." not in path.parts
