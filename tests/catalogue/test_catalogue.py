"""Catalogue entries: the shipped ones are sound, and every fault of one is told at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_catalogue_entry, read_raw_entry, write_raw_entry
from attn2seq.config import ConfigError
from attn2seq.errors import UserError

CATALOGUE = Path(__file__).parents[2] / "data" / "catalogue"
SHIPPED = {
    "aeslc", "an4", "atis-lambda", "cmudict", "dailydialog", "europarl-en-de", "iwslt14-de-en",
    "iwslt17-en-de", "multi30k-en-cs", "multi30k-en-de", "multi30k-en-fr", "news-commentary-en-de",
    "opus-100-en-de", "phrasebook-en-de", "scan", "scan-length", "sst2", "tatoeba-eng-cmn",
    "tatoeba-eng-fra", "wmt14-en-de", "wmt16-en-de",
}  # fmt: skip


def test_the_shipped_entries_are_there() -> None:
    assert {path.stem for path in CATALOGUE.glob("*.yaml")} >= SHIPPED


@pytest.mark.parametrize("name", sorted(path.stem for path in CATALOGUE.glob("*.yaml")))
def test_a_shipped_entry_survives_the_way_through_data_raw(name: str, tmp_path: Path) -> None:
    entry = read_catalogue_entry(CATALOGUE, name)
    write_raw_entry(tmp_path, entry)
    assert read_raw_entry(tmp_path) == entry
    first = (tmp_path / "corpus.yaml").read_bytes()
    write_raw_entry(tmp_path, read_raw_entry(tmp_path))
    assert (tmp_path / "corpus.yaml").read_bytes() == first


def test_an_unknown_corpus_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(
        UserError, match=r"no corpus 'multi30k-en-dee' in .*\(did you mean multi30k-en-de\?\)"
    ):
        read_catalogue_entry(CATALOGUE, "multi30k-en-dee")


def test_where_no_name_is_near_all_are_listed(write_entry: Callable[..., Path]) -> None:
    with pytest.raises(
        UserError, match=r"no corpus 'xyzzy' in .*\(known: mine\).*xyzzy\.yaml.*git add"
    ):
        read_catalogue_entry(write_entry(), "xyzzy")


@pytest.mark.parametrize(("there", "state"), [(True, "holds no corpus"), (False, "is missing")])
def test_a_catalogue_without_any_is_told_with_the_remedy(
    there: bool, state: str, tmp_path: Path
) -> None:
    folder = tmp_path / "catalogue"
    if there:
        folder.mkdir()
    with pytest.raises(UserError) as error:
        read_catalogue_entry(folder, "xyzzy")
    assert str(error.value).startswith(f"no corpus 'xyzzy': {folder} {state}. `git checkout -- ")


def test_a_name_cannot_lead_out_of_the_catalogue(write_entry: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="no corpus"):
        read_catalogue_entry(write_entry(), "../catalogue/mine")


def test_the_smallest_entry_of_a_user(write_entry: Callable[..., Path]) -> None:
    entry = read_catalogue_entry(write_entry(), "mine")
    assert entry.files[0].name == "mine.tsv"
    assert entry.metrics == []


def test_every_malformed_key_is_told_at_once_with_the_nearest_known_one(
    write_entry: Callable[..., Path],
) -> None:
    folder = write_entry(
        titel="x", columns={"sorce": 1, "tgt": 0}, bleu_tokenizer="bleu", licence=None,
        files=[{"path": "mine.tsv", "sha265": "0"}], make_splits={"dev": 1.5, "test": 0, "seed": 1},
    )  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        read_catalogue_entry(folder, "mine")
    text = str(caught.value)
    assert text.startswith(f"{folder / 'mine.yaml'} has 9 errors:")
    for fault in (
        "titel: unknown key (did you mean title?)",
        "columns.sorce: unknown key (did you mean columns.src?)",
        "columns.src: missing",
        "columns.tgt: must be a column's number, from 1, or its name, got 0",
        "bleu_tokenizer: input should be '13a', 'intl', 'zh', 'char' or 'none', got 'bleu'",
        "licence: missing",
        "files.0.sha265: unknown key (did you mean files.0.sha256?)",
        "make_splits.dev: must be a number of source sentences, from 1, or a share",
        "make_splits.test: must be a number of source sentences, from 1, or a share",
    ):
        assert fault in text


HTTPS = "https://example.org/a.tsv"
KEY_VALUE = {"reader": "key_value_lines", "delimiter": None, "columns": None}
SHA = "0" * 64


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "other"}, "name: must be that of the file, mine, got 'other'"),
        ({"columns": None}, "columns: needed by the reader delimited"),
        (
            {"keys": {"src": "a", "tgt": "b"}},
            "keys: belongs to the reader json_lines or key_value_lines",
        ),
        ({"files": [{"url": HTTPS}]}, "files.0.sha256: missing; needed for a file that is fetched"),
        (
            {"files": [{"url": "http://example.org/a.tsv", "sha256": SHA}]},
            "files.0.url: must be the https:// address",
        ),
        (
            {"files": [{"url": "file:///etc/passwd", "sha256": SHA}]},
            "files.0.url: must be the https:// address",
        ),
        ({"files": [{"url": HTTPS, "path": "a.tsv"}]}, "files.0: needs either url, or path"),
        (
            {"files": [{"path": "../secret.tsv"}]},
            "files.0.path: must lie in data/local/, got '../secret.tsv'",
        ),
        ({"files": [{"path": "/etc/passwd"}]}, "files.0.path: must lie in data/local/"),
        (
            {"files": [{"path": "mine.tsv"}, {"path": "mine.tsv"}]},
            "files: 2 files have the name mine.tsv",
        ),
        (
            {"files": [{"path": "corpus.yaml"}]},
            "files: corpus.yaml is the name of the entry itself",
        ),
        (
            {"splits": {"train": {"file": "mime.tsv"}}},
            "mime.tsv is not among files (did you mean mine.tsv?)",
        ),
        (
            {"splits": {"train": {"src": "mine.tsv", "tgt": "mine.tsv"}}},
            "splits.train: needs file, and neither src",
        ),
        (
            {"splits": {"train": {"file": "mine.tsv/inner.txt"}}},
            "splits.train: mine.tsv is not an archive",
        ),
        (
            {"files": [{"path": "m.zip"}], "splits": {"train": {"file": "m.zip"}}},
            "splits.train: m.zip is an archive; name a file in it",
        ),
        (
            {"make_splits": {"dev": 1, "seed": 1}},
            "splits.test: missing; give its files, or a size in make_splits.test",
        ),
        (
            {"splits": {"train": {"file": "mine.tsv"}, "dev": {"file": "mine.tsv"}}},
            "make_splits.dev: the corpus gives dev in splits already",
        ),
        (
            {"columns": {"src": "english", "tgt": 2}},
            "columns: 'english' is a name; set header: true",
        ),
        ({"remove_from_src": "(("}, "remove_from_src: '((' is not a valid pattern"),
        (
            {"remove_from_src": "x{99999999999}"},
            "is not a valid pattern: the repetition number is too",
        ),
        ({"files": [{"path": "x" * 256}]}, "files: the name 'xxx"),
        (
            KEY_VALUE | {"keys": {"src": "T:", "tgt": "OUT:"}},
            "keys: 'T:' is part of 'OUT:', so that it would be found there",
        ),
        (
            {"reader": "parallel_lines", "delimiter": None, "columns": None},
            "splits.train: needs src and tgt, and no file",
        ),
        (
            {"reader": "generated", "delimiter": None, "columns": None},
            "generator: needed by the reader generated",
        ),
    ],
)
def test_keys_that_do_not_go_together(
    write_entry: Callable[..., Path], changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_catalogue_entry(write_entry(**changes), "mine")
    assert fault in str(caught.value)


def test_raw_data_without_an_entry_name_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corpus\.yaml is missing; the download stage writes it"):
        read_raw_entry(tmp_path)
