"""Tables of pairs: what is written comes back, and a sample is a part of the whole."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from attn2seq.reading import tables
from attn2seq.reading.row import Row
from attn2seq.reading.tables import sample_table, write_table


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few rows make several batches."""
    monkeypatch.setattr(tables, "_BATCH_ROWS", 4)


def rows(count: int) -> list[Row]:
    return [Row(number, f"s {number}\u2028ü", [f"t {number}"]) for number in range(count)]


def sources(path: Path) -> list[str]:
    texts: list[str] = pq.read_table(path)["src"].to_pylist()
    return texts


@pytest.mark.parametrize("count", [0, 3, 4, 9])
def test_rows_come_back_in_their_order(tmp_path: Path, count: int) -> None:
    assert write_table(tmp_path / "train.parquet", iter(rows(count))) == count
    table = pq.read_table(tmp_path / "train.parquet")
    assert table.column_names == ["src", "tgt"]
    assert table["src"].to_pylist() == [row.src for row in rows(count)]
    assert table["tgt"].to_pylist() == [row.targets[0] for row in rows(count)]


def test_references_stand_where_any_row_has_several(tmp_path: Path) -> None:
    """Here one of the last batch alone has."""
    several = [*rows(5), Row(6, "s", ["first", "second"])]
    write_table(tmp_path / "test.parquet", several)
    table = pq.read_table(tmp_path / "test.parquet")
    assert table.column_names == ["src", "tgt", "refs"]
    assert table["tgt"].to_pylist()[-1] == "first"
    assert table["refs"].to_pylist() == [row.targets for row in several]
    write_table(tmp_path / "dev.parquet", rows(5))
    assert pq.read_table(tmp_path / "dev.parquet").column_names == ["src", "tgt"]


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_table(tmp_path / name, rows(9))
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_stream_is_read_two_batches_ahead_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    read_when_written: list[int] = []

    class Writer(pq.ParquetWriter):  # type: ignore[misc]
        def write_table(self, *arguments: object) -> None:
            read_when_written.append(len(read))
            super().write_table(*arguments)

    def stream() -> Iterator[Row]:
        for row in rows(41):
            read.append(row.line)
            yield row

    monkeypatch.setattr(pq, "ParquetWriter", Writer)
    write_table(tmp_path / "train.parquet", stream())
    assert len(read_when_written) == 11
    for batch, count in enumerate(read_when_written, start=1):
        assert min(4 * batch, 41) <= count <= 4 * (batch + 2)


def sample(path: Path, limit: int, seed: int) -> list[str]:
    write_table(path, rows(30))
    assert sample_table(path, limit, seed) == 30 - limit
    return sources(path)


def test_a_sample_keeps_order_and_a_smaller_one_is_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    drawn = {limit: sample(path, limit, seed=1) for limit in (1, 7, 20, 29)}
    order = [row.src for row in rows(30)]
    for limit, texts in drawn.items():
        assert len(texts) == limit
        assert texts == [text for text in order if text in texts]
    assert set(drawn[1]) < set(drawn[7]) < set(drawn[20]) < set(drawn[29])
    assert sample(path, 7, seed=1) == drawn[7]
    assert sample(path, 7, seed=2) != drawn[7]
    assert [item.name for item in tmp_path.iterdir()] == ["train.parquet"]


def test_a_sample_keeps_each_pair_together(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    write_table(path, [*rows(9), Row(9, "s 9\u2028ü", ["t 9", "also"])])
    sample_table(path, 6, seed=3)
    table = pq.read_table(path)
    pairs = list(zip(table["src"].to_pylist(), table["tgt"].to_pylist(), strict=True))
    assert all(src == f"s {tgt[2:]}\u2028ü" for src, tgt in pairs)
    assert [refs[0] for refs in table["refs"].to_pylist()] == [tgt for _, tgt in pairs]


@pytest.mark.parametrize("limit", [0, 5, 6])
def test_no_limit_and_one_that_all_fit_leave_the_file(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "train.parquet"
    write_table(path, rows(5))
    before = path.read_bytes()
    assert sample_table(path, limit, seed=1) == 0
    assert path.read_bytes() == before
