"""Parquet tables: columns by name, and each way in which they are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading import parquet
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

COLUMNS = {"src": "en", "tgt": "de", "references": ["more"]}
TABLE = pa.table(
    {
        "de": ["Los!", None, "zwei\nZeilen"],
        "en": ["Go!", "nothing", "two lines"],
        "more": [["Auf!", "Geh!"], None, []],
        "translation": [{"en": "a", "de": "b"}, {"en": "c", "de": None}, None],
        "label": [1, 0, None],
        "score": [0.5, 0.5, 0.5],
    }
)
Write = Callable[..., list[Row]]


@pytest.fixture
def rows(tmp_path: Path, raw_corpus: Callable[..., Path]) -> Write:
    """The rows of a table, or of what bytes there are, by the entry's columns."""

    def write(
        given: Any = TABLE, columns: dict[str, Any] = COLUMNS, split: str = "train"
    ) -> list[Row]:
        raw = raw_corpus(
            {"mine.parquet": given if isinstance(given, bytes) else b""}, reader="parquet",
            files=[{"path": "mine.parquet"}], delimiter=None, columns=columns,
            splits={name: {"file": "mine.parquet"} for name in ("train", "dev")},
            make_splits={"test": 1, "seed": 1},
        )  # fmt: skip
        if not isinstance(given, bytes):
            pq.write_table(given, raw / "mine.parquet", row_group_size=2)
        return list(read_rows(raw, read_raw_entry(raw), split))

    return write


def test_columns_are_taken_by_name(rows: Write) -> None:
    assert rows() == [
        Row(1, "Go!", ["Los!"]), Row(2, "nothing", [""]), Row(3, "two lines", ["zwei\nZeilen"]),
    ]  # fmt: skip


def test_dev_has_the_further_references(rows: Write) -> None:
    assert rows(split="dev")[0] == Row(1, "Go!", ["Los!", "Auf!", "Geh!"])


def test_a_dot_reaches_into_structs_and_labels_are_digits(rows: Write) -> None:
    nested = rows(columns={"src": "translation.en", "tgt": "translation.de"})
    assert nested == [Row(1, "a", ["b"]), Row(2, "c", [""]), Row(3, "", [""])]
    assert [row.targets for row in rows(columns={"src": "en", "tgt": "label"})] == [
        ["1"], ["0"], [""],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_each_way_to_hold_texts(rows: Write, kind: Any) -> None:
    table = pa.table({"en": pa.array(["a", "b"]).cast(kind), "de": ["c", "d"]})
    assert rows(table, {"src": "en", "tgt": "de"})[1] == Row(2, "b", ["d"])


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"src": "end", "tgt": "de"}, r"no column is named 'end' \(did you mean en\?\)"),
        ({"src": "xyzzy", "tgt": "de"}, "it has de, en, translation.en, translation.de, label"),
        ({"src": "translation", "tgt": "de"}, "holds structs; translation.en reaches into one"),
        ({"src": "translation.fr", "tgt": "de"}, r"\(did you mean translation\.en\?\)"),
        ({"src": "score", "tgt": "de"}, "the column 'score' holds double, not texts"),
        ({"src": "more", "tgt": "de"}, "row 1: 2 texts, but one is needed"),
    ],
)
def test_a_wrong_column(rows: Write, columns: dict[str, Any], fault: str) -> None:
    with pytest.raises(UserError, match=rf"/mine\.parquet[:,].*{fault}"):
        rows(columns=columns)


def test_texts_that_are_not_utf8(rows: Write) -> None:
    table = pa.table({"en": pa.array([b"a", b"\xff"], pa.binary()), "de": ["c", "d"]})
    with pytest.raises(UserError, match=r"rows 1 to 2: the column 'en' holds texts that are not"):
        rows(table, {"src": "en", "tgt": "de"})


def test_two_columns_of_a_name(rows: Write) -> None:
    table = pa.table([["a"], ["b"], ["c"]], names=["en", "en", "de"])
    with pytest.raises(UserError, match="2 columns are named 'en'"):
        rows(table, {"src": "en", "tgt": "de"})


def test_an_empty_table(rows: Write) -> None:
    with pytest.raises(UserError, match="is empty: it has no rows"):
        rows(TABLE.slice(0, 0))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS, which `git"),
        (b"en\tde\n", "is not a parquet table$"),
        (b"", "is not a parquet table$"),
        (b"PAR1 and no more", r"is damaged or cut short \(.*download it again"),
    ],
)
def test_what_is_no_table(rows: Write, content: bytes, fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        rows(content)


def test_a_table_cut_short(tmp_path: Path, rows: Write) -> None:
    pq.write_table(TABLE, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    with pytest.raises(UserError, match=r"mine\.parquet is damaged or cut short"):
        rows(whole[: len(whole) // 2])


def test_a_row_group_that_would_fill_the_memory(
    rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MAX_GROUP_BYTES", 10)
    with pytest.raises(UserError, match="row group of more than 10 bytes; write it with fewer"):
        rows()
