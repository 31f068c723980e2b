"""Token stores: what is written is read back, in the documented layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attn2seq.errors import UserError
from attn2seq.tokenization import token_store
from attn2seq.tokenization.token_store import TokenStore, write_token_store

SEQUENCES = st.lists(st.lists(st.integers(0, 65535), max_size=8), max_size=20)


def test_the_layout_of_the_worked_example(tmp_path: Path) -> None:
    write_token_store(tmp_path / "train.src", [[5, 6], [], [7]])
    ids, offsets = (np.load(tmp_path / f"train.src.{part}.npy") for part in ("ids", "offsets"))
    assert (ids.tolist(), ids.dtype) == ([5, 6, 7], np.uint16)
    assert (offsets.tolist(), offsets.dtype) == ([0, 2, 2, 3], np.int64)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(SEQUENCES, st.integers(1, 12))
def test_sequences_come_back_whatever_the_chunk(
    tmp_path: Path, sequences: list[list[int]], chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_store, "_SEQUENCES_AT_ONCE", chunk)
        write_token_store(tmp_path / "s", iter(sequences))
    store = TokenStore(tmp_path / "s")
    assert len(store) == len(sequences)
    assert [store[index].tolist() for index in range(len(store))] == sequences
    assert store.lengths.tolist() == [len(sequence) for sequence in sequences]


def test_the_file_equals_one_that_numpy_writes_at_once(tmp_path: Path) -> None:
    ids = np.arange(3000, dtype=np.uint16)
    write_token_store(tmp_path / "s", [ids[:1000].tolist(), ids[1000:].tolist()])
    np.save(tmp_path / "whole.npy", ids)
    assert (tmp_path / "s.ids.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_a_large_vocabulary_takes_wider_ids(tmp_path: Path) -> None:
    write_token_store(tmp_path / "s", [[70_000, 1]], vocabulary_size=70_001)
    store = TokenStore(tmp_path / "s")
    assert store[0].tolist() == [70_000, 1]
    assert store[0].dtype == np.int32


@pytest.mark.parametrize("token", [-1, 100])
def test_an_id_outside_the_vocabulary_is_refused(tmp_path: Path, token: int) -> None:
    with pytest.raises(ValueError, match="not in 0 to 99"):
        write_token_store(tmp_path / "s", [[5, token]], vocabulary_size=100)


@pytest.mark.parametrize("index", [-1, 1])
def test_there_is_no_sequence_beyond_the_ends(tmp_path: Path, index: int) -> None:
    write_token_store(tmp_path / "s", [[5]])
    with pytest.raises(IndexError, match=f"sequence {index} of 1"):
        TokenStore(tmp_path / "s")[index]


def test_nothing_is_loaded_before_it_is_asked_for(tmp_path: Path) -> None:
    write_token_store(tmp_path / "s", [[5, 6], [7]])
    base = TokenStore(tmp_path / "s")[0].base
    assert isinstance(base, np.memmap) or isinstance(getattr(base, "base", None), np.memmap)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"s\.ids\.npy is missing; the tokenize stage writes it"):
        TokenStore(tmp_path / "s")


def test_files_cut_short_or_of_different_runs(tmp_path: Path) -> None:
    write_token_store(tmp_path / "s", [[5, 6], [7]])
    write_token_store(tmp_path / "t", [[5]])
    (tmp_path / "s.offsets.npy").write_bytes((tmp_path / "t.offsets.npy").read_bytes())
    with pytest.raises(UserError, match="do not fit; run tokenize again"):
        TokenStore(tmp_path / "s")
    (tmp_path / "s.ids.npy").write_bytes((tmp_path / "s.ids.npy").read_bytes()[:-1])
    with pytest.raises(UserError, match=r"s\.ids\.npy is damaged; run tokenize again"):
        TokenStore(tmp_path / "s")


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("offsets", np.array([0, 3, 2, 3])),  # a sequence of minus one token
        ("offsets", np.array([1, 2, 3])),
        ("offsets", np.array([], np.int64)),
        ("offsets", np.array([0.0, 3.0])),
        ("offsets", np.array([[0, 3]])),
        ("ids", np.array([5.0, 6.0, 7.0])),
        ("ids", np.array([[5, 6, 7]], np.uint16)),
        ("ids", np.array([5, 6, 7], ">u2")),
    ],
)
def test_arrays_that_are_no_token_store(tmp_path: Path, part: str, values: NDArray[Any]) -> None:
    write_token_store(tmp_path / "s", [[5, 6], [7]])
    np.save(tmp_path / f"s.{part}.npy", values)
    with pytest.raises(UserError, match=rf"s\.{part}\.npy .*run tokenize again"):
        TokenStore(tmp_path / "s")


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 what numpy takes for an archive",
        b"\x93NUMPY\x01\x00\x10\x00{'shape': ((((   \n",
        b"\x93NUMPY\x01\x00\x10\x00{'shape': 'a', 1}",
        b"\x93NUMPY\x01\x00\x04\x00\xff\xff\xff\xff",
        b"\x93NUMPY\x09\x00",
    ],
)
def test_a_file_that_is_no_array(tmp_path: Path, content: bytes) -> None:
    write_token_store(tmp_path / "s", [[5, 6], [7]])
    (tmp_path / "s.ids.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"s\.ids\.npy is damaged; run tokenize again"):
        TokenStore(tmp_path / "s")
