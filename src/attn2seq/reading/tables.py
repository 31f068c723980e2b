"""Tables of pairs: columns `src` and `tgt`, and `refs` where a split has several references."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from attn2seq.ahead import ahead
from attn2seq.reading.row import Row

# Rows held before they are written.
_BATCH_ROWS = 5_000
_PAIR = [("src", pa.string()), ("tgt", pa.string())]


def write_table(path: Path, rows: Iterable[Row]) -> int:
    """Write a table, a batch at a time, and return its number of rows.

    Several references are looked for where `rows` is a list; a stream has one target a row.
    """
    several = isinstance(rows, list) and any(len(row.targets) > 1 for row in rows)
    schema = pa.schema([*_PAIR, ("refs", pa.list_(pa.string()))] if several else _PAIR)
    stream = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

        def write(batch: list[Row]) -> None:
            columns = {
                "src": [row.src for row in batch],
                "tgt": [row.targets[0] for row in batch],
                "refs": [row.targets for row in batch],
            }
            writer.write_table(pa.table({name: columns[name] for name in schema.names}, schema))

        batches = iter(lambda: list(islice(stream, _BATCH_ROWS)), [])
        # Packed and written while the next rows are read.
        return sum(len(batch) for batch, _ in ahead(batches, write))


def read_batches(path: Path) -> Iterator[Any]:
    """Record batches of a table, one after the other."""
    # Reading ahead would bring the whole file into memory.
    yield from pq.ParquetFile(path, pre_buffer=False).iter_batches(_BATCH_ROWS)


def sample_table(path: Path, limit: int, seed: int) -> int:
    """Keep `limit` rows of a table, drawn at random, in their order; returns how many it dropped.

    The draw follows from the seed and the number of rows; a smaller one is part of a larger one.
    """
    table = pq.ParquetFile(path)
    count: int = table.metadata.num_rows
    if not 0 < limit < count:
        return 0
    kept = np.zeros(count, bool)
    kept[np.random.default_rng(seed).permutation(count)[:limit]] = True
    beside, start = path.with_suffix(".sample"), 0
    with pq.ParquetWriter(beside, table.schema_arrow, compression="zstd") as writer:
        for batch in read_batches(path):
            end = start + batch.num_rows
            writer.write_batch(batch.filter(pa.array(kept[start:end])))
            start = end
    beside.replace(path)
    return count - limit
