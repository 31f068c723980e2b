"""Parquet tables: columns by name.

columns: {src: question, tgt: answer}                 two columns of texts
columns: {src: translation.en, tgt: translation.de}   a dot reaches into a column of structs
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from attn2seq.catalogue.entry import Columns
from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.packing import DAMAGE, damage
from attn2seq.reading.row import Row

# A row group is decoded as a whole: one that claims more than this fills the memory.
MAX_GROUP_BYTES = 2 << 30
_BATCH_ROWS = 2_000
_FAULTS = (*DAMAGE, OSError, TypeError, pa.ArrowException)


def read_parquet(raw: Path, name: str, columns: Columns, several: bool) -> Iterator[Row]:
    """The rows of a table; null is an empty text, and a whole number is its digits.

    Raises UserError where the file is damaged, a column is missing, or one holds no texts.
    """
    label = f"{raw / plain(name)}"
    table = open_parquet(raw / name, label)
    wanted = [columns.src, columns.tgt, *(columns.references if several else [])]
    paths = [_path(table.schema_arrow, str(column), label) for column in wanted]
    _check_groups(table, label)
    number = 0
    batches = table.iter_batches(_BATCH_ROWS, columns=[".".join(path) for path in paths])
    while batch := _next(batches, label, number):
        src, tgt, *more = (_texts(batch, path, label, number) for path in paths)
        for place in range(batch.num_rows):
            number += 1
            source, target = (_only(side[place], label, number) for side in (src, tgt))
            references = [text for column in more for text in column[place]]
            yield Row(number, source, [target, *references])
    if not number:
        raise UserError(f"{label} is empty: it has no rows")


def open_parquet(path: Path, label: str) -> Any:
    """The table in a file. Raises UserError where it is none."""
    if not path.is_file():
        raise UserError(f"{label} is missing; run download again")
    with path.open("rb") as file:
        start = file.read(11)
    if not start.startswith(b"PAR1"):
        pointer = (
            ": it is a pointer of Git LFS, which `git lfs install` and `git lfs pull` replace by "
            "the file"
        )
        raise UserError(
            f"{label} is not a parquet table{pointer if start == b'version htt' else ''}"
        )
    try:
        # Reading ahead would bring the whole file into memory.
        return pq.ParquetFile(path, pre_buffer=False)
    except _FAULTS as error:
        raise _damage(label, error) from None


def text_columns(schema: Any) -> list[str]:
    """The columns that can be read as texts, by name; fields of structs as `column.field`."""
    names: list[str] = []
    for field in schema:
        inner = [field.type.field(place) for place in range(field.type.num_fields)]
        if pt.is_struct(field.type):
            names += [f"{field.name}.{part.name}" for part in inner if _is_text(part.type)]
        elif _is_text(field.type):
            names.append(field.name)
    return names


def _path(schema: Any, column: str, label: str) -> list[str]:
    """The names that lead to a column. Raises UserError where it is none of texts."""
    outer, _, inner = column.partition(".")
    if schema.names.count(column) > 1:
        raise UserError(f"{label}: {schema.names.count(column)} columns are named {column!r}")
    if column in schema.names:
        path, kind = [column], schema.field(column).type
    elif outer in schema.names and pt.is_struct(schema.field(outer).type) and inner:
        kind = schema.field(outer).type
        place = kind.get_field_index(inner)
        if place < 0:
            names = [f"{outer}.{kind.field(place).name}" for place in range(kind.num_fields)]
            raise UserError(_no_column(label, column, names))
        path, kind = [outer, inner], kind.field(place).type
    else:
        raise UserError(_no_column(label, column, text_columns(schema)))
    if pt.is_struct(kind):
        first = kind.field(0).name if kind.num_fields else "..."
        raise UserError(
            f"{label}: the column {column!r} holds structs; {plain(f'{column}.{first}')} reaches "
            "into one"
        )
    if not _is_text(kind.value_type if _is_list(kind) else kind):
        raise UserError(f"{label}: the column {column!r} holds {kind}, not texts")
    return path


def _no_column(label: str, column: str, known: list[str]) -> str:
    guess = nearest(column, known)
    hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(known)}"
    return f"{label}: no column is named {column!r} ({hint})"


def _is_list(kind: Any) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind))


def _is_text(kind: Any) -> bool:
    """Whether values of this type are texts, or whole numbers, such as labels."""
    if pt.is_dictionary(kind):
        kind = kind.value_type
    binary = pt.is_binary(kind) or pt.is_large_binary(kind)
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or binary or pt.is_integer(kind))


def _check_groups(table: Any, label: str) -> None:
    metadata = table.metadata
    for place in range(metadata.num_row_groups):
        if metadata.row_group(place).total_byte_size > MAX_GROUP_BYTES:
            raise UserError(
                f"{label} has a row group of more than {MAX_GROUP_BYTES:,} bytes; write it with "
                "fewer rows in each"
            )


def _next(batches: Iterator[Any], label: str, number: int) -> Any:
    try:
        return next(batches, None)
    except _FAULTS as error:
        raise _damage(f"{label}, after row {number:,}", error) from None


def _texts(batch: Any, path: list[str], label: str, number: int) -> list[list[str]]:
    """For each row the texts of a column; `number` rows came before."""
    try:
        array = batch.column(path[0])
        for name in path[1:]:
            array = pc.struct_field(array, name)
        if _is_list(array.type):
            values = array.cast(pa.list_(pa.string())).to_pylist()
        else:
            values = [[text] for text in array.cast(pa.string()).to_pylist()]
    except (pa.ArrowException, UnicodeDecodeError):
        raise UserError(
            f"{label}, rows {number + 1:,} to {number + batch.num_rows:,}: the column "
            f"{'.'.join(path)!r} holds texts that are not UTF-8; write it as texts in UTF-8"
        ) from None
    return [[text or "" for text in texts or []] for texts in values]


def _only(texts: list[str], label: str, number: int) -> str:
    if len(texts) > 1:
        raise UserError(f"{label}, row {number:,}: {len(texts)} texts, but one is needed")
    return texts[0] if texts else ""


def _damage(label: str, error: Exception) -> Exception:
    if isinstance(error, OSError | ValueError | NotImplementedError):
        return damage(f"{label} is damaged or cut short", error)
    return damage(f"{label} is damaged or cut short", ValueError(str(error)))
