"""The faults of a catalogue entry, where the catalogue's own tests do not reach."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from attn2seq.catalogue.entry import CatalogueEntry, Reader
from attn2seq.catalogue.faults import NEEDED, READER_KEYS, combination_faults, describe

MakeEntry = Callable[..., dict[str, Any]]
SHA = "0" * 64
TMX = {"reader": "tmx", "delimiter": None, "columns": None}
LINES = {"reader": "parallel_lines", "delimiter": None, "columns": None}


def faults(values: dict[str, Any]) -> list[str]:
    return combination_faults(CatalogueEntry.model_validate(values))


def described(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        CatalogueEntry.model_validate(values)
    return [describe(CatalogueEntry, error) for error in caught.value.errors()]


def test_the_tables_name_readers_and_keys_that_exist() -> None:
    """A misspelt one would never be refused, or always."""
    readers, fields = set(get_args(Reader)), set(CatalogueEntry.model_fields)
    assert set(NEEDED) == readers
    assert {key for keys in NEEDED.values() for key in keys} <= fields
    assert set(READER_KEYS) <= fields
    assert {reader for named in READER_KEYS.values() for reader in named} <= readers


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"splits": {"train": {"fille": "mine.tsv"}}},
            "splits.train.fille: unknown key (did you mean splits.train.file?)",
        ),
        (
            {"make_splits": {"dev": 1, "test": 1, "seed": 1, "xyzzy": 2}},
            "make_splits.xyzzy: unknown key (known: dev, test, seed)",
        ),
        (
            {"files": [{"path": "mine.tsv"}, {"ulr": "a"}]},
            "files.1.ulr: unknown key (did you mean files.1.url?)",
        ),
        (
            {"splits": {"train": {"parts": [{"fil": "mine.tsv"}]}}},
            "splits.train.parts.0.fil: unknown key (did you mean splits.train.parts.0.file?)",
        ),
        ({"make_splits": {"dev": 1}}, "make_splits.seed: missing"),
        ({"title": 5}, "title: input should be a valid string, got 5"),
        (
            {"columns": {"src": True, "tgt": 2}},
            "columns.src: must be a column's number, from 1, or its name, got True",
        ),
    ],
)
def test_a_malformed_key_is_described_at_its_place(
    entry: MakeEntry, changes: dict[str, Any], fault: str
) -> None:
    assert described(entry(**changes)) == [fault]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"header": True, "columns": {"src": "english", "tgt": "german"}}, []),
        # In the file as '\\t' or bare, which YAML takes as it stands.
        ({"delimiter": "\\t"},
         ["delimiter: a backslash and the letter t, which no line holds; in double quotes, "
          '"\\t", YAML reads it as the character that is meant']),
        ({"columns": {"src": 1, "tgt": 2, "references": [3, "more"]}},
         ["columns: 'more' is a name; set header: true, or give a number"]),
        ({"files": [{"path": "a/mine.tsv"}]}, []),
        ({"files": [{"path": "a/"}]},
         ["files.0.path: must lie in data/local/, got 'a/'",
          "splits.train: mine.tsv is not among files"]),
        ({"files": [{"url": "https://example.org/", "sha256": SHA}, {"path": "mine.tsv"}]},
         ["files.0.url: must be the https:// address of a file, got 'https://example.org/'"]),
        ({"files": [{}, {"path": "mine.tsv"}]},
         ["files.0: needs either url, or path (of a file in data/local/)"]),
        ({"make_splits": None},
         ["splits.dev: missing; give its files, or a size in make_splits.dev",
          "splits.test: missing; give its files, or a size in make_splits.test"]),
        ({"splits": {"train": {"file": "xyzzy"}}},
         ["splits.train: xyzzy is not among files (known: mine.tsv)"]),
        ({"files": [{"path": "m.tar.gz"}],
          "splits": {"train": {"file": "m.tar.gz/in/mine.tsv"}}}, []),
        (LINES | {"splits": {"train": {"src": "mine.tsv", "tgt": "mine.tsv"}}}, []),
        (LINES | {"splits": {"train": {"src": "mine.tsv"}}},
         ["splits.train: needs src and tgt, and no file, for the reader parallel_lines"]),
        ({"splits": {"train": {"file": "mine.tsv", "references": ["mine.tsv"]}}},
         ["splits.train: needs file, and neither src, tgt nor references, for the reader "
          "delimited"]),
        ({"reader": "parquet", "delimiter": None},
         ["columns: 1 is a number; the columns of parquet have names", "columns: 2 is"]),
        (TMX | {"inline_tags": "keep", "skip_other_languages": True}, []),
        ({"inline_tags": "keep"}, ["inline_tags: belongs to the reader tmx or xliff only"]),
        (TMX | {"files": [{"path": "m.zip"}], "splits": {"train": {"file": "m.zip"}}},
         ["splits.train: m.zip is an archive; name a file in it, as m.zip/train.txt"]),
        (TMX | {"reader": "sgm"}, []),
        (TMX | {"reader": "sgm", "splits": {"train": {"src": "mine.tsv"}}},
         ["splits.train: needs src and tgt, or a file that holds both, for the reader sgm"]),
        (TMX | {"reader": "moses"}, ["splits.train: needs an archive itself for the reader moses"]),
        (TMX | {"reader": "moses", "files": [{"path": "m.zip"}],
                "splits": {"train": {"file": "m.zip"}}}, []),
        (TMX | {"reader": "documents", "keys": {"src": "body", "tgt": "subject"}},
         ["splits.train: mine.tsv is not an archive (.zip, .tar"]),
        (TMX | {"reader": "documents", "keys": {"src": "body", "tgt": "subject"},
                "files": [{"path": "m.tgz"}], "splits": {"train": {"file": "m.tgz"}}},
         ["splits.train: m.tgz is an archive; name a file in it, as m.tgz/the folder"]),
        ({"splits": {"train": {"parts": [{"file": "mine.tsv", "reader": "dialogues"}]}}},
         ["dialogues: needed by", "splits.train: needs one file, and no parts, for the reader"]),
        (TMX | {"reader": "dialogues"}, ["dialogues: needed by the reader dialogues"]),
        ({"splits": {"train": {"parts": [{"file": "mine.tsv"}, {"file": "other"}]}}},
         ["splits.train.parts.1: other is not among files"]),
        ({"splits": {"train": {"parts": [{"file": "mine.tsv"}], "file": "mine.tsv"}}},
         ["splits.train: needs parts that each name files, and nothing beside them"]),
        ({"splits": {"train": {"parts": [{"file": "mine.tsv"}, {"file": "mine.tsv",
                                                              "reader": "tmx"}]}}}, []),
        ({"splits": {"train": {"file": "mine.tsv", "reader": "json_lines"}}},
         ["keys: needed by the reader json_lines"]),
        (LINES | {"splits": {"train": {"src": "mine.tsv", "tgt": "mine.tsv"}}, "skip_lines": "("},
         ["skip_lines: '(' is not a valid pattern"]),
        ({"reader": "json_lines"},
         ["keys: needed by the reader json_lines",
          "delimiter: belongs to the reader delimited or recordings only",
          "columns: belongs to the reader delimited or parquet or recordings only"]),
    ],
)  # fmt: skip
def test_combinations(entry: MakeEntry, changes: dict[str, Any], expected: list[str]) -> None:
    found = faults(entry(**changes))
    assert len(found) == len(expected)
    for fault, start in zip(found, expected, strict=True):
        assert fault.startswith(start)


def test_a_generated_corpus_has_no_files(entry: MakeEntry) -> None:
    generator = {"name": "phrasebook", "seed": 1, "train": 1, "dev": 1, "test": 1}
    generated = {"reader": "generated", "generator": generator, "delimiter": None, "columns": None}
    assert faults(entry(**generated)) == [
        f"{key}: a generated corpus has none" for key in ("files", "splits", "make_splits")
    ]
    bare = {"files": None, "splits": None, "make_splits": None}
    assert faults(entry(**generated, **bare)) == []


def test_quotes_leave_some_keys_without_meaning(entry: MakeEntry) -> None:
    assert faults(entry(quoted=True)) == []
    assert faults(entry(quoted=True, max_columns=2, comment="#", delimiter="||")) == [
        "max_columns: has no meaning where quoted is true",
        "comment: has no meaning where quoted is true",
        "delimiter: must be one character, and no quote, where quoted is true, got '||'",
    ]


def test_faults_of_all_kinds_come_together(entry: MakeEntry) -> None:
    found = faults(
        entry(
            files=[{"path": "../mine.tsv"}, {"path": "mine.tsv"}, {"path": "mine.tsv"}],
            splits={"train": {"file": "mine.tsv/a"}},
            remove_from_src="(",
            max_columns=2,
            keys={"src": "a", "tgt": "b"},
        )
    )
    assert [fault.split(":")[0] for fault in found] == [
        "keys", "files.0.path", "files", "splits.train", "remove_from_src",
    ]  # fmt: skip
