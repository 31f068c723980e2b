"""The embedded corpus as a whole: splits, held-out parts, names, one target per source."""

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.phrasebook.derivation import Sample, Sampler
from attn2seq.phrasebook.phrasebook import (
    COMBINED_EVERY,
    NEW_NAME_EVERY,
    generate_phrasebook,
    main,
    phrasebook_grammar,
)

ROOT = Path(__file__).parents[2]
GENERATE = [sys.executable, "-m", "attn2seq.phrasebook.phrasebook"]
Splits = dict[str, list[Sample]]


@pytest.fixture
def splits(phrasebook_splits: Splits) -> Splits:
    return phrasebook_splits


def names(kept_for_test: bool) -> set[str]:
    words = phrasebook_grammar().lexicon["name"]
    return {word.columns["en"] for word in words if bool(word.columns["only"]) == kept_for_test}


def test_sizes_and_distinct_sources(splits: Splits) -> None:
    assert {split: len(rows) for split, rows in splits.items()} == {
        "train": 24_000,
        "dev": 1_000,
        "test": 1_000,
    }
    sources = [sample.en for rows in splits.values() for sample in rows]
    assert len(set(sources)) == len(sources)


def test_sentences_have_3_to_25_words_and_11_on_average(splits: Splits) -> None:
    for rows in splits.values():
        for side in ("en", "de"):
            lengths = [len(getattr(sample, side).split()) for sample in rows]
            assert min(lengths) >= 3
            assert max(lengths) <= 25
            assert 10 < sum(lengths) / len(lengths) < 13


def test_a_fifth_of_test_combines_rules_as_train_and_dev_never_do(splits: Splits) -> None:
    held_out = phrasebook_grammar().held_out
    combined = [bool(sample.links & held_out) for sample in splits["test"]]
    assert sum(combined) == len(combined) // 5
    assert all(
        flag == (line % COMBINED_EVERY == COMBINED_EVERY - 1) for line, flag in enumerate(combined)
    )
    assert not any(sample.links & held_out for sample in splits["train"] + splits["dev"])


def test_each_half_of_a_held_out_pair_is_frequent_in_train(splits: Splits) -> None:
    outer = Counter(pair[0] for sample in splits["train"] for pair in sample.links)
    inner = Counter(pair[1] for sample in splits["train"] for pair in sample.links)
    in_test = {pair for sample in splits["test"] for pair in sample.links}
    for first, second in phrasebook_grammar().held_out:
        assert outer[first] >= 200, first
        assert inner[second] >= 200, second
        assert (first, second) in in_test


def test_some_names_occur_in_test_alone_in_letters_that_train_has(splits: Splits) -> None:
    new, known = names(kept_for_test=True), names(kept_for_test=False)
    assert len(new) >= 15
    assert set("".join(new)) <= set("".join(known))
    for split, rows in splits.items():
        for line, sample in enumerate(rows):
            assert sample.new_name == (split == "test" and line % NEW_NAME_EVERY == 0)
            words = {word.removesuffix("'s").strip(".,?!'") for word in sample.en.split()}
            assert bool(words & new) == sample.new_name


def test_names_are_copied_unchanged(splits: Splits) -> None:
    known = names(kept_for_test=True) | names(kept_for_test=False)
    copied = 0
    for rows in splits.values():
        for sample in rows:
            for word in sample.en.split():
                name = word.removesuffix("'s").strip(".,?!'")
                if name in known:
                    assert name in sample.de, sample
                    copied += 1
    assert copied > 10_000


def test_every_rule_is_used_in_train(splits: Splits) -> None:
    used = {name for sample in splits["train"] for pair in sample.links for name in pair}
    known = {rule.name for rules in phrasebook_grammar().rules.values() for rule in rules}
    assert known - used == set()


@pytest.mark.parametrize("seed", [1, 2])
def test_one_target_per_source(seed: int) -> None:
    sampler = Sampler(phrasebook_grammar(), random.Random(seed), new_names=True)
    targets: dict[str, str] = {}
    for _ in range(5_000):
        sample = sampler.draw()
        assert targets.setdefault(sample.en, sample.de) == sample.de


def test_same_seed_gives_the_same_bytes_in_fresh_processes() -> None:
    digests = set()
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "attn2seq.phrasebook.phrasebook",
                "--seed",
                "5",
                "--count",
                "300",
            ],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            check=True,
        )
        digests.add(hashlib.sha256(run.stdout).hexdigest())
    assert len(digests) == 1
    assert generate_phrasebook(5, {"train": 9}) != generate_phrasebook(6, {"train": 9})


def test_test_and_dev_do_not_depend_on_the_size_of_train() -> None:
    small = generate_phrasebook(3, {"train": 10, "dev": 20, "test": 20})
    large = generate_phrasebook(3, {"train": 200, "dev": 20, "test": 20})
    assert (small["dev"], small["test"]) == (large["dev"], large["test"])
    assert large["train"][:10] == small["train"]


def test_unknown_split_is_named() -> None:
    with pytest.raises(UserError, match="unknown split valid"):
        generate_phrasebook(1, {"valid": 3})


def test_command_prints_numbered_pairs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["phrasebook", "--seed", "4", "--count", "2"])
    main()
    (first, second) = generate_phrasebook(4, {"train": 2})["train"]
    assert capsys.readouterr().out.splitlines() == [
        f"  1 {first[0]}",
        f"    {first[1]}",
        f"  2 {second[0]}",
        f"    {second[1]}",
    ]
