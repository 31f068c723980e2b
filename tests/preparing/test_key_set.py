"""The compact set and the buckets against Python's own sets."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from attn2seq.preparing import key_set
from attn2seq.preparing.key_buckets import KeyBuckets
from attn2seq.preparing.key_set import KeySet


def test_what_is_new_is_said_once() -> None:
    keys = KeySet()
    assert keys.add(np.array([5], np.uint64)).tolist() == [True]
    assert keys.add(np.array([7, 7, 5], np.uint64)).tolist() == [True, False, False]
    assert keys.add(np.array([], np.uint64)).tolist() == []


@pytest.mark.parametrize("longest", [8, 1 << 20])
def test_a_key_set_is_a_set(monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    """Many calls of many sizes, few and many repeats, and the largest keys there are."""
    monkeypatch.setattr(key_set, "_LONGEST_RUN", longest)
    draw, keys, expected = np.random.default_rng(1), KeySet(), set[int]()
    for size in (1, 50, 3, 400, 0, 20, 1000, 7) * 3:
        batch = np.uint64(2**64 - 1) - draw.integers(0, 5000, size, dtype=np.uint64)
        for key, new in zip(batch.tolist(), keys.add(batch).tolist(), strict=True):
            assert new == (key not in expected)
            expected.add(key)
    assert sum(map(len, keys._runs)) == len(expected)
    assert all(len(run) <= max(longest, 1000) for run in keys._runs)


def test_repeats_are_those_of_a_plain_count(tmp_path: Path) -> None:
    """Sources all over the buckets, some with one target many times, some with several."""
    draw, buckets = np.random.default_rng(2), KeyBuckets(tmp_path)
    sources = draw.integers(0, 2**63, 300, dtype=np.uint64) * np.uint64(2)
    rows: list[tuple[int, int]] = []
    for _ in range(4):
        batch = np.stack([draw.choice(sources, 200), draw.integers(0, 3, 200, dtype=np.uint64)], 1)
        batch[:, 1] += batch[:, 0]  # a pair's key belongs to one source
        buckets.add(batch)
        rows += [(source, pair) for source, pair in batch.tolist()]
    targets: dict[int, set[int]] = {}
    for source, pair in rows:
        targets.setdefault(source, set()).add(pair)
    found = buckets.repeats()
    assert found.pairs == len(rows) - len(Counter(rows))
    assert found.distinct_sources == len(targets)
    assert found.sources_with_several_targets == sum(len(of) > 1 for of in targets.values())
