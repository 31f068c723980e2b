"""Made splits: by source, whatever the order, as many as asked for, and another draw per seed."""

import random

import pytest

from attn2seq.catalogue.entry import MakeSplits
from attn2seq.errors import UserError
from attn2seq.preparing.keys import text_key
from attn2seq.preparing.splitting import SourceSplitter, merge_sources
from attn2seq.reading.row import Row

SOURCES = [f"sentence {number}" for number in range(200)]


def split(
    sources: list[str], sizes: MakeSplits, taken: frozenset[int] = frozenset()
) -> dict[str, str]:
    splitter = SourceSplitter(sources, sizes, taken)
    return {source: splitter.split_of(source) for source in sources}


def counts(found: dict[str, str]) -> tuple[int, int, int]:
    names = list(found.values())
    return names.count("train"), names.count("dev"), names.count("test")


def test_as_many_distinct_sources_as_asked_for() -> None:
    repeated = SOURCES + SOURCES[:50] * 3
    assert counts(split(repeated, MakeSplits(dev=20, test=30, seed=1))) == (150, 20, 30)


def test_shares() -> None:
    assert counts(split(SOURCES, MakeSplits(dev=0.05, test=0.1, seed=1))) == (170, 10, 20)


def test_only_the_missing_split_is_made() -> None:
    assert counts(split(SOURCES, MakeSplits(dev=20, seed=1))) == (180, 20, 0)
    assert counts(split(SOURCES, MakeSplits(test=20, seed=1))) == (180, 0, 20)


def test_order_and_repeats_change_nothing() -> None:
    sizes = MakeSplits(dev=20, test=30, seed=1)
    shuffled = random.Random(0).sample(SOURCES, len(SOURCES))
    assert split(shuffled * 2, sizes) == split(SOURCES, sizes)


def test_another_seed_draws_others() -> None:
    first, second = (split(SOURCES, MakeSplits(test=30, seed=seed)) for seed in (1, 2))
    assert first != second
    assert first == split(SOURCES, MakeSplits(test=30, seed=1))


def test_sources_of_given_splits_are_never_drawn() -> None:
    taken = frozenset(text_key(source) for source in SOURCES[:150])
    found = split(SOURCES, MakeSplits(dev=20, test=25, seed=1), taken)
    assert {found[source] for source in SOURCES[:150]} == {"train"}
    assert counts(found) == (155, 20, 25)


def test_too_few_sources() -> None:
    with pytest.raises(
        UserError,
        match=r"asks for 5 source sentences for dev and 5 for test, but the corpus has 10 distinct",
    ):
        split(SOURCES[:10], MakeSplits(dev=5, test=5, seed=1))


def test_targets_of_one_source_become_its_references() -> None:
    texts = [("Run!", "Cours !"), ("Go.", "Va !"), ("Run!", "Courez !"), ("Run!", "Cours !")]
    rows = [Row(line, src, [tgt]) for line, (src, tgt) in enumerate(texts, start=1)]
    assert merge_sources(rows) == [Row(1, "Run!", ["Cours !", "Courez !"]), Row(2, "Go.", ["Va !"])]
    assert rows[0].targets == ["Cours !"]
