"""Prepare: what is kept, what is counted, and that nothing of dev and test is left in train."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attn2seq.errors import UserError
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings

GIVEN: dict[str, Any] = {
    "files": [{"path": f"{split}.tsv"} for split in ("train", "dev", "test")],
    "splits": {split: {"file": f"{split}.tsv"} for split in ("train", "dev", "test")},
    "make_splits": None,
}
Corpus = Callable[..., Path]
Settings = Callable[..., PrepareSettings]


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., tuple[dict[str, pd.DataFrame], dict[str, Any]]]:
    """Runs prepare; returns the tables and the account."""

    def run(raw: Path, settings: PrepareSettings) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        metrics = tmp_path / "results" / "metrics.json"
        prepare_corpus(raw, tmp_path / "prepared", metrics, settings, lambda _: None)
        tables = {
            split: pd.read_parquet(tmp_path / "prepared" / f"{split}.parquet")
            for split in ("train", "dev", "test")
        }
        return tables, json.loads(metrics.read_text())

    return run


Prepared = Callable[..., tuple[dict[str, pd.DataFrame], dict[str, Any]]]


def pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(table["src"], table["tgt"], strict=True))


def check_account(account: dict[str, Any]) -> None:
    """Every pair read is kept, merged or dropped, once."""
    for split in ("train", "dev", "test"):
        counts = account[split]
        assert counts["read"] == counts["kept"] + counts["merged"] + sum(counts["dropped"].values())


def test_each_reason_is_counted_once(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    train = [
        "keep\teins", "\tno source", "no target\t  ", "a b c d\te", "abcdefghijklmno\tp",
        "a b c\td", "seen in dev\tx y", "keep\teins", "keep  too\tzwei",
    ]  # fmt: skip
    raw = raw_corpus(
        {"train.tsv": "\n".join(train), "dev.tsv": "seen in  dev\tx\n", "test.tsv": "t\tu\n"},
        **GIVEN,
    )
    settings = prepare_settings(
        max_words=3, max_characters=14, max_length_ratio=2.0, drop_duplicates=True,
        drop_leaked_sources=True,
    )  # fmt: skip
    tables, account = prepared(raw, settings)
    assert pairs(tables["train"]) == [("keep", "eins"), ("keep too", "zwei")]
    assert account["train"] == {
        "read": 9, "kept": 2, "merged": 0,
        "dropped": {
            "empty": 2, "max_words": 1, "max_characters": 1, "max_length_ratio": 1,
            "max_similarity": 0,
            "min_character_score": 0, "min_language_id_score": 0, "drop_leaked_sources": 1,
            "drop_duplicates": 1, "drop_duplicate_targets": 0, "limit_train_pairs": 0,
        },
    }  # fmt: skip
    check_account(account)


def test_dev_and_test_keep_every_pair_with_text(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    lines = "long source sentence\tx\nlong source sentence\tx\n\tempty\nempty\t\n"
    raw = raw_corpus(
        {"train.tsv": "a\tb\n", "dev.tsv": lines, "test.tsv": lines},
        **GIVEN,
    )
    settings = prepare_settings(max_words=1, max_length_ratio=1.0, drop_duplicates=True)
    tables, account = prepared(raw, settings)
    for split in ("dev", "test"):
        assert pairs(tables[split]) == [("long source sentence", "x")] * 2
        assert account[split] == {"read": 4, "kept": 2, "merged": 0, "dropped": {"empty": 2}}
    assert list(tables["dev"].columns) == ["src", "tgt"]


def test_made_splits_hold_each_source_once_with_all_its_targets(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    lines = [f"s{number % 40}\tt{number}" for number in range(100)]
    raw = raw_corpus(
        {"mine.tsv": "\n".join(lines)}, make_splits={"dev": 5, "test": 0.25, "seed": 3}
    )
    tables, account = prepared(raw, prepare_settings())
    assert (len(tables["dev"]), len(tables["test"])) == (5, 10)
    sources = {split: set(table["src"]) for split, table in tables.items()}
    assert sum(len(found) for found in sources.values()) == 40
    assert set.union(*sources.values()) == {f"s{number}" for number in range(40)}
    targets = [text for split in ("dev", "test") for refs in tables[split]["refs"] for text in refs]
    assert sorted([*targets, *tables["train"]["tgt"]]) == sorted(f"t{n}" for n in range(100))
    for _, row in tables["test"].iterrows():
        assert row["tgt"] == row["refs"][0]
    check_account(account)
    assert sum(account[split]["read"] for split in tables) == 100


def test_dev_is_cut_from_train_where_only_test_is_given(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    raw = raw_corpus(
        {"train.tsv": "".join(f"s{n}\tt{n}\n" for n in range(20)), "test.tsv": "s3\tx\n\n"},
        files=[{"path": "train.tsv"}, {"path": "test.tsv"}],
        splits={split: {"file": f"{split}.tsv"} for split in ("train", "test")},
        make_splits={"dev": 18, "seed": 1},
    )
    tables, account = prepared(raw, prepare_settings(drop_leaked_sources=True))
    assert pairs(tables["test"]) == [("s3", "x")]
    assert len(tables["dev"]) == 18
    assert len(tables["train"]) == 1
    assert "s3" not in {*tables["dev"]["src"], *tables["train"]["src"]}
    assert account["train"]["dropped"]["drop_leaked_sources"] == 1
    check_account(account)


def test_a_source_is_the_same_after_normalisation(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    raw = raw_corpus(
        {
            "train.tsv": "caf\u00e9\u00a0x\ta\nb\tc\n",
            "dev.tsv": "cafe\u0301 x\td\n",
            "test.tsv": "t\tu\n",
        },
        **GIVEN,
    )
    tables, _ = prepared(raw, prepare_settings(drop_leaked_sources=True))
    assert pairs(tables["train"]) == [("b", "c")]


def test_a_draw_of_training_pairs_repeats_keeps_the_order_and_grows(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    raw = raw_corpus(
        {
            "train.tsv": "".join(f"{n}\tx\n" for n in range(500)),
            "dev.tsv": "d\te\n",
            "test.tsv": "t\tu\n",
        },
        **GIVEN,
    )
    drawn = {}
    for limit, seed in ((50, 1), (100, 1), (100, 2)):
        tables, account = prepared(raw, prepare_settings(limit_train_pairs=limit, seed=seed))
        drawn[limit, seed] = [int(source) for source in tables["train"]["src"]]
        assert account["train"]["kept"] == limit
        assert account["train"]["dropped"]["limit_train_pairs"] == 500 - limit
        check_account(account)
    assert drawn[100, 1] == sorted(drawn[100, 1])
    assert set(drawn[50, 1]) < set(drawn[100, 1])
    assert max(drawn[50, 1]) > 250
    # Of two draws of a fifth, a fifth is expected to be common.
    assert len(set(drawn[100, 1]) & set(drawn[100, 2])) < 50


def test_all_filtered_away_tells_which_filter_took_how_many(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared, tmp_path: Path
) -> None:
    raw = raw_corpus(
        {"train.tsv": "a b\tc\nd e\tf\n\tg\n", "dev.tsv": "d\te\n", "test.tsv": "t\tu\n"},
        **GIVEN,
    )
    with pytest.raises(
        UserError,
        match=r"is left of the 3 read: empty took 1, prepare\.max_words \(1\) took 2\. Loosen",
    ):
        prepared(raw, prepare_settings(max_words=1))
    assert not (tmp_path / "prepared").exists()
    assert not (tmp_path / "results").exists()


def test_a_dev_set_without_text(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    raw = raw_corpus(
        {"train.tsv": "a\tb\n", "dev.tsv": "a\t\n", "test.tsv": "t\tu\n"},
        **GIVEN,
    )
    with pytest.raises(UserError, match=r"no pair of dev has text on both sides \(1 were read\)"):
        prepared(raw, prepare_settings())


def test_the_same_input_gives_the_same_bytes(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared, tmp_path: Path
) -> None:
    raw = raw_corpus({"mine.tsv": "".join(f"s{n % 30}\tt{n}\n" for n in range(90))})
    found = []
    for _ in range(2):
        prepared(raw, prepare_settings(limit_train_pairs=20))
        found.append({path.name: path.read_bytes() for path in (tmp_path / "prepared").iterdir()})
    assert found[0] == found[1]
    assert sorted(found[0]) == ["corpus.json", "dev.parquet", "test.parquet", "train.parquet"]


def test_what_later_stages_need_to_know_of_the_corpus(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared, tmp_path: Path
) -> None:
    raw = raw_corpus({"mine.tsv": "a\tb\nc\td\ne\tf\n"}, metrics=["accuracy"], bleu_tokenizer="zh")
    prepared(raw, prepare_settings())
    assert json.loads((tmp_path / "prepared" / "corpus.json").read_text()) == {
        "name": "mine", "title": "My sentences", "task": "translation", "src_lang": "en",
        "tgt_lang": "de", "bleu_tokenizer": "zh", "metrics": ["accuracy"], "licence": "my own",
        "citation": "none", "judged_by": "exact_match",
    }  # fmt: skip


def test_a_share_of_train_becomes_dev_as_the_settings_ask(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    """A share of the distinct sources, whatever the entry says of dev; its test stays the same."""
    lines = "".join(f"s{number % 200}\tt{number}\n" for number in range(400))
    raw = raw_corpus({"mine.tsv": lines}, make_splits={"dev": 5, "test": 20, "seed": 1})
    own, _ = prepared(raw, prepare_settings())
    asked, account = prepared(raw, prepare_settings(dev_share=0.2))
    assert [len(own[split]) for split in ("train", "dev", "test")] == [350, 5, 20]
    assert [len(asked[split]) for split in ("train", "dev", "test")] == [280, 40, 20]
    assert pairs(asked["test"]) == pairs(own["test"])
    check_account(account)


def test_a_corpus_with_a_dev_set_of_its_own_keeps_it(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    contents = {"train.tsv": "a\tb\n", "dev.tsv": "c\td\n", "test.tsv": "t\tu\n"}
    with pytest.raises(UserError, match=r"prepare\.dev_share: mine has a dev set of its own; set"):
        prepared(raw_corpus(contents, **GIVEN), prepare_settings(dev_share=0.2))


def test_a_line_that_train_would_drop_is_not_drawn_for_dev_or_test(
    raw_corpus: Corpus, prepare_settings: Settings, prepared: Prepared
) -> None:
    """One of 3,000 words takes more memory than training has, and is no sentence."""
    lines = [f"{'word ' * (3_000 if i % 2 else 3)}{i}\tWort {i}" for i in range(40)]
    raw = raw_corpus({"mine.tsv": "\n".join(lines)}, make_splits={"dev": 6, "test": 6, "seed": 1})
    tables, account = prepared(raw, prepare_settings(max_words=100))
    assert [len(tables[split]) for split in ("train", "dev", "test")] == [8, 6, 6]
    assert account["train"]["dropped"]["max_words"] == 20
    check_account(account)


def test_a_long_line_of_a_given_set_stays_and_is_named(
    raw_corpus: Corpus, prepare_settings: Settings, tmp_path: Path
) -> None:
    said: list[str] = []
    content = {"train.tsv": "a\tb", "dev.tsv": f"c\td\n{'e ' * 200}\tf", "test.tsv": "g\th"}
    raw = raw_corpus(content, **GIVEN)
    metrics = tmp_path / "metrics.json"
    prepare_corpus(
        raw, tmp_path / "prepared", metrics, prepare_settings(max_words=100), said.append
    )
    assert [line for line in said if "longer than prepare.max_words" in line] == [
        "dev: pairs longer than prepare.max_words and max_characters allow in train: 1, all kept; "
        "the longest is line 2 of its file, 200 words"
    ]
    assert len(pd.read_parquet(tmp_path / "prepared/dev.parquet")) == 2
