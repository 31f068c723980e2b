"""The token sequences of one side of one split, in two flat arrays that are memory-mapped.

The sequences `[5, 6]`, `[]`, `[7]` become ids `[5, 6, 7]` and offsets `[0, 2, 2, 3]`: sequence i
is `ids[offsets[i]:offsets[i + 1]]`. A sequence costs 8 bytes, and a token 2 or 4.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from attn2seq.errors import UserError

# Sequences held before they are written.
_SEQUENCES_AT_ONCE = 1000
# What numpy raises on a header that is not its own, which it reads as Python's literals.
ARRAY_DAMAGE = (
    ValueError, EOFError, TypeError, OverflowError, SyntaxError, TokenError, RecursionError,
    MemoryError,
)  # fmt: skip


class TokenSequences:
    """Sequences in two flat arrays, which are on the disk or in memory."""

    def __init__(self, ids: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        self._ids, self._offsets = ids, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> NDArray[Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        return self._ids[self._offsets[index] : self._offsets[index + 1]]

    def first(self, index: int, most: int) -> NDArray[Any]:
        """The first `most` tokens of a sequence."""
        return self[index][:most]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each sequence."""
        return np.diff(self._offsets)


class TokenStore(TokenSequences):
    """Sequences on the disk; nothing is loaded before it is asked for."""

    def __init__(self, prefix: Path) -> None:
        """Raises UserError where the files are missing or do not fit each other."""
        ids_path, offsets_path = _paths(prefix)
        ids, offsets = _open(ids_path, (np.uint16, np.int32)), _open(offsets_path, (np.int64,))
        super().__init__(ids, offsets)
        fit = len(offsets) and offsets[0] == 0 and offsets[-1] == len(ids)
        if not fit or (self.lengths < 0).any():
            raise UserError(f"{ids_path} and {offsets_path} do not fit; run tokenize again")


def write_token_store(
    prefix: Path,
    sequences: Iterable[Sequence[int] | NDArray[np.int32]],
    vocabulary_size: int = 1 << 16,
) -> None:
    """Write `<prefix>.ids.npy` and `<prefix>.offsets.npy`, some sequences at a time.

    Ids are uint16 up to a vocabulary of 65,536 pieces and int32 above. Raises ValueError for an id
    outside the vocabulary.
    """
    dtype = np.dtype(np.uint16 if vocabulary_size <= 1 << 16 else np.int32)
    ids_path, offsets_path = _paths(prefix)
    stream, count, end = iter(sequences), 0, 0
    with ids_path.open("wb") as ids_file, offsets_path.open("wb") as offsets_file:
        _write_header(ids_file, dtype, 0)
        _write_header(offsets_file, np.dtype(np.int64), 0)
        np.zeros(1, np.int64).tofile(offsets_file)
        while batch := list(islice(stream, _SEQUENCES_AT_ONCE)):
            ids = np.concatenate([np.asarray(sequence, np.int32) for sequence in batch])
            if len(ids) and not 0 <= ids.min() <= ids.max() < vocabulary_size:
                raise ValueError(f"a token id is not in 0 to {vocabulary_size - 1}")
            ids.astype(dtype).tofile(ids_file)
            ends = end + np.cumsum([len(sequence) for sequence in batch], dtype=np.int64)
            ends.tofile(offsets_file)
            count, end = count + len(batch), int(ends[-1])
        # A header keeps room for any length, so that it can be written anew in its place.
        ids_file.seek(0)
        _write_header(ids_file, dtype, end)
        offsets_file.seek(0)
        _write_header(offsets_file, np.dtype(np.int64), count + 1)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], length: int) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (length,),
    }
    np.lib.format.write_array_header_1_0(file, header)


def _open(path: Path, kinds: tuple[type[np.integer[Any]], ...]) -> NDArray[Any]:
    """A flat array of one of the kinds."""
    try:
        values: NDArray[Any] = np.lib.format.open_memmap(path, mode="r").view(np.ndarray)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; the tokenize stage writes it") from None
    except ARRAY_DAMAGE:
        raise UserError(f"{path} is damaged; run tokenize again") from None
    if values.ndim != 1 or values.dtype not in kinds:
        raise UserError(
            f"{path} is damaged (it holds {values.dtype} in {values.ndim} dimensions); run "
            "tokenize again"
        )
    return values


def _paths(prefix: Path) -> tuple[Path, Path]:
    return prefix.with_name(prefix.name + ".ids.npy"), prefix.with_name(
        prefix.name + ".offsets.npy"
    )
