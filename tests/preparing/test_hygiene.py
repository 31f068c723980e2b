"""Hygiene: each figure counted by hand on a corpus of a few lines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.preparing.hygiene import Encodings, Table, looks_wrongly_decoded, percentile
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.reading.row import Row
from attn2seq.reading.tables import write_table

GIVEN: dict[str, Any] = {
    "files": [{"path": f"{split}.tsv"} for split in ("train", "dev", "test")],
    "splits": {split: {"file": f"{split}.tsv"} for split in ("train", "dev", "test")},
    "make_splits": None,
}
TRAIN = "one\teins\ntwo\tzwei\nthree\tdrei\none\teins\none\tein\nsame\tsame\nlong one here\tx y\n"
# Of dev, `one` and `two` are sources of train, and `two - zwei` a pair of it.
DEV = "one\tuno\ntwo\tzwei\nfour\tvier\none\tunus\n"
TEST = "five\tfünf\n"
Corpus = Callable[..., Path]
Settings = Callable[..., PrepareSettings]
Prepared = Callable[..., dict[str, Any]]


@pytest.fixture
def hygiene(
    tmp_path: Path, raw_corpus: Corpus, prepare_settings: Settings
) -> Callable[..., dict[str, Any]]:
    """What prepare says of the corpus made of these contents."""

    def run(contents: dict[str, str | bytes], entry: dict[str, Any], **settings: Any) -> Any:
        raw, metrics = raw_corpus(contents, **entry), tmp_path / "metrics.json"
        made = prepare_settings(**settings)
        prepare_corpus(raw, tmp_path / "prepared", metrics, made, lambda _: None)
        return json.loads(metrics.read_text())["hygiene"]

    return run


def given_splits(train: str = TRAIN) -> dict[str, str]:
    return {"train.tsv": train, "dev.tsv": DEV, "test.tsv": TEST}


def part_of(figures: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in wanted}


def test_repeats_and_equal_texts_of_train(hygiene: Prepared) -> None:
    found = hygiene(given_splits(), GIVEN)["train"]
    # `one` stands three times, with the targets `eins`, again `eins`, and `ein`.
    wanted = {
        "rows": 7, "repeated_pairs": 1, "repeated_sources": 2, "sources_with_several_targets": 1,
        "source_equals_target": 1,
    }  # fmt: skip
    assert part_of(found, wanted) == wanted
    assert found["src_words"] == {"percentile_99": 3, "longest": 3}
    assert found["tgt_characters"] == {"percentile_99": 4, "longest": 4}


def test_figures_are_of_train_as_it_was_written(hygiene: Prepared) -> None:
    found = hygiene(given_splits(), GIVEN, drop_duplicates=True, max_words=1)["train"]
    wanted = {
        "rows": 5, "repeated_pairs": 0, "repeated_sources": 1, "sources_with_several_targets": 1,
        "src_words": {"percentile_99": 1, "longest": 1},
    }  # fmt: skip
    assert part_of(found, wanted) == wanted


def test_overlap_of_dev_and_test_with_train(hygiene: Prepared) -> None:
    found = hygiene(given_splits(), GIVEN)
    wanted = {
        "sources_in_train": 3, "sources_in_train_percent": 75.0,
        "pairs_in_train": 1, "pairs_in_train_percent": 25.0,
        "sources_in_train_before_filters": 3, "sources_in_train_before_filters_percent": 75.0,
        "pairs_in_train_before_filters": 1, "pairs_in_train_before_filters_percent": 25.0,
    }  # fmt: skip
    assert part_of(found["dev"], wanted) == wanted
    assert part_of(found["test"], wanted) == dict.fromkeys(wanted, 0)
    assert not set(wanted) & set(found["train"])


def test_leaks_that_were_dropped_are_told_all_the_same(hygiene: Prepared) -> None:
    found = hygiene(given_splits(), GIVEN, drop_leaked_sources=True)["dev"]
    assert (found["sources_in_train"], found["pairs_in_train"]) == (0, 0)
    before = (found["sources_in_train_before_filters"], found["pairs_in_train_before_filters"])
    assert before == (3, 1)


def test_a_draw_that_leaves_the_leaked_pairs_out_is_seen(hygiene: Prepared) -> None:
    train = "two\tzwei\n" + "".join(f"{number}\tx\n" for number in range(200))
    found = hygiene(given_splits(train), GIVEN, limit_train_pairs=1)
    assert found["train"]["rows"] == 1
    assert found["dev"]["sources_in_train"] == 0
    assert found["dev"]["sources_in_train_before_filters"] == 1


def test_each_reference_makes_a_pair(hygiene: Prepared) -> None:
    contents = {
        "train.tsv": "s\tsecond\n",
        "dev.tsv": "s\tfirst\tsecond\nt\tu\tu\n",
        "test.tsv": "a\tb\tc\n",
    }
    found = hygiene(contents, GIVEN | {"columns": {"src": 1, "tgt": 2, "references": [3]}})["dev"]
    assert (found["rows"], found["pairs_in_train"], found["pairs_in_train_percent"]) == (2, 1, 50.0)
    assert (found["sources_with_several_targets"], found["repeated_pairs"]) == (1, 1)


def test_made_splits_have_no_source_of_train(hygiene: Prepared) -> None:
    lines = "".join(f"s{number % 20}\tt{number}\n" for number in range(60))
    found = hygiene({"mine.tsv": lines}, {"make_splits": {"dev": 3, "test": 4, "seed": 1}})
    assert [found[split]["rows"] for split in ("train", "dev", "test")] == [39, 3, 4]
    for split in ("dev", "test"):
        assert found[split]["sources_in_train_before_filters"] == 0
        assert found[split]["sources_with_several_targets"] == found[split]["rows"]
    # They have no files of their own: each text was read with those of train.
    assert found["train"]["texts_read"] == 120
    assert "texts_read" not in found["dev"]


def test_encodings_of_the_texts_as_they_were_read(hygiene: Prepared) -> None:
    train = "fÃ¼r\tcafe\u0301\nbell\x07\tclean\nspaced  out\t\x00\ufffd\n"
    found = hygiene(given_splits(train), GIVEN)["train"]
    wanted = {
        "texts_read": 6, "texts_wrongly_decoded": 2, "texts_with_control_characters": 2,
        "texts_changed_by_unicode_form": 1,
    }  # fmt: skip
    assert part_of(found, wanted) == wanted
    as_they_are = hygiene(given_splits(train), GIVEN, unicode_form="none")["train"]
    assert as_they_are["texts_changed_by_unicode_form"] == 0


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize(
    "text", ["für", "„So!“", "it’s", "да", "我们", "😀", "\ufeffBOM", "ÄRGER", "a\u00a0b", "한국"]
)
def test_utf8_that_was_read_as_something_else_is_seen(text: str, encoding: str) -> None:
    # Windows-1252 has no character for some bytes; readers then keep the byte as Latin-1 does.
    misread = "".join(
        bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode()
    )
    assert looks_wrongly_decoded(misread)
    assert not looks_wrongly_decoded(text)


@pytest.mark.parametrize(
    "text",
    [
        "„Viel Spaß“", "voilà\u00a0»", "«\u00a0Où\u00a0?\u00a0»", "CAFÉ…", "Straße – Maß”",
        "são João", "ÂNCORA", "château", "Ðorðe", "ÉTÉ", "naïve", "İstanbul’da", "Привет", "中文。",
    ],
)  # fmt: skip
def test_sound_texts_are_not_suspected(text: str) -> None:
    assert not looks_wrongly_decoded(text)


def test_pairs_whose_lengths_fit_no_other_pair(tmp_path: Path) -> None:
    # Nine pairs of 20 and 40 characters: the median ratio, with ten added to each, is 30 / 50.
    # 170 / 90 is 3.1 times that; 150 / 90 is 2.8 times that; 30 / 160 is a third of it, less a bit.
    pairs = [(20, 40)] * 9 + [(160, 80), (140, 80), (20, 150)]
    path = tmp_path / "train.parquet"
    write_table(path, (Row(1, "a" * src, ["b" * tgt]) for src, tgt in pairs))
    assert Table(path).figures()["length_ratio_outliers"] == 2


def test_lengths_in_words_and_characters(tmp_path: Path) -> None:
    rows = [Row(1, "ein Haus", ["我们"])] * 98 + [
        Row(1, "a b c", ["x" * 9]),
        Row(1, "é", ["y" * 5]),
    ]
    write_table(tmp_path / "train.parquet", iter(rows))
    found = Table(tmp_path / "train.parquet").figures()
    assert found["src_words"] == {"percentile_99": 2, "longest": 3}
    assert found["src_characters"] == {"percentile_99": 8, "longest": 8}
    assert found["tgt_words"] == {"percentile_99": 1, "longest": 1}
    assert found["tgt_characters"] == {"percentile_99": 5, "longest": 9}


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    assert percentile({2: 98, 7: 1, 9: 1}, 99) == 7
    assert percentile({2: 99, 9: 1}, 99) == 2
    assert percentile({4: 1}, 99) == 4
    assert percentile({1: 1, 2: 1, 3: 1}, 50) == 2


def test_a_text_that_cleaning_only_squeezes_is_sound() -> None:
    found = Encodings()
    found.add([" a\u00a0 b"], ["a b"], "nfc")
    assert found == Encodings(texts_read=1)
