"""Each shipped corpus from the mirror to its tables, with the numbers of pairs it must give."""

import gzip
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.sources.download import Places, download_corpus

CATALOGUE = Path(__file__).parents[2] / "data" / "catalogue"
Settings = Callable[..., PrepareSettings]
# Pairs read for train, dev, test; rows kept of dev and test; how the first pair of train starts.
CORPORA: dict[str, tuple[tuple[int, int, int], tuple[int, int], tuple[str, str]]] = {
    "multi30k-en-de": (
        (29000, 1014, 1000),
        (1014, 1000),
        ("Two young, White males", "Zwei junge weiße Männer"),
    ),
    "multi30k-en-fr": (
        (29000, 1014, 1000),
        (1014, 1000),
        ("Two young, White males", "Deux jeunes hommes blancs"),
    ),
    "multi30k-en-cs": (
        (29000, 1014, 1000),
        (1014, 1000),
        ("Two young, White males", "Dva mladí bílí muži"),
    ),
    "tatoeba-eng-fra": ((136841, 2960, 2986), (2000, 2000), ("Run!", "Cours !")),
    "tatoeba-eng-cmn": ((27051, 1047, 1058), (1000, 1000), ("Hi.", "嗨。")),
    "atis-lambda": ((4434, 491, 448), (491, 448), ("airport", "( lambda $0 e ( airport $0 ) )")),
    "scan": (
        (15728, 1000, 4182),
        (1000, 4182),
        ("jump opposite right twice and", "I_TURN_RIGHT I_TURN_RIGHT I_JUMP I_TURN_RIGHT"),
    ),
    "scan-length": ((15990, 1000, 3920), (1000, 3920), ("walk", "I_WALK")),
    "sst2": ((6920, 872, 1821), (872, 1821), ("a stirring , funny and finally", "1")),
    "aeslc": (
        (14436, 1960, 1906),
        (1960, 1906),
        ("Greg/Phillip, Attached is", "Service Agreement"),
    ),
    "dailydialog": (
        (76052, 7069, 6740),
        (7069, 6740),
        ("Say , Jim , how about", "You know that is tempting"),
    ),
    "cmudict": ((122318, 2150, 10698), (2000, 10000), ("'bout", "B AW1 T")),
}


def prepare(
    tmp_path: Path, name: str, catalogue: Path, places: Places, settings: PrepareSettings
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    entry = read_catalogue_entry(catalogue, name)
    download_corpus(entry, tmp_path / "raw", places, lambda _: None)
    metrics = tmp_path / "metrics.json"
    prepare_corpus(tmp_path / "raw", tmp_path / "prepared", metrics, settings, lambda _: None)
    tables = {
        split: pd.read_parquet(tmp_path / "prepared" / f"{split}.parquet")
        for split in ("train", "dev", "test")
    }
    return tables, json.loads(metrics.read_text())


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_of_the_catalogue(
    name: str, tmp_path: Path, mirror: Path, prepare_settings: Settings
) -> None:
    read, kept, first = CORPORA[name]
    places = Places(tmp_path / "local", tmp_path / "cache", mirror)
    settings = prepare_settings(drop_duplicates=True, drop_leaked_sources=True)
    tables, account = prepare(tmp_path, name, CATALOGUE, places, settings)
    assert tuple(account[split]["read"] for split in ("train", "dev", "test")) == read
    assert (len(tables["dev"]), len(tables["test"])) == kept
    for side, start in zip(("src", "tgt"), first, strict=True):
        assert tables["train"][side][0].startswith(start)
    held_out = {*tables["dev"]["src"], *tables["test"]["src"]}
    assert not held_out & set(tables["train"]["src"])
    if name == "cmudict":  # variants of a word become references
        assert max(len(refs) for refs in tables["test"]["refs"]) >= 3
        for table in tables.values():
            assert not table["src"].str.contains("(", regex=False).any()
            assert not table["tgt"].str.contains("#", regex=False).any()


def test_subjects_of_annotators_become_references(
    tmp_path: Path, mirror: Path, prepare_settings: Settings
) -> None:
    """The archive gives, in order of its names, the rows of the files derived from it."""
    places = Places(tmp_path / "local", tmp_path / "cache", mirror)
    tables, _ = prepare(tmp_path, "aeslc", CATALOGUE, places, prepare_settings())
    for split, table in tables.items():
        with gzip.open(mirror / "aeslc" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
            emails = [json.loads(line) for line in file]
        keys = ["subject"] if split == "train" else ["subject", "ann0", "ann1", "ann2"]
        wanted = [[" ".join(email[key].split()) for key in keys] for email in emails]
        found = table["tgt"].map(lambda text: [text]) if split == "train" else table["refs"]
        assert [list(texts) for texts in found] == wanted
        assert table["src"].tolist() == [" ".join(email["body"].split()) for email in emails]


def test_dialogues_of_dev_and_test_are_dropped_from_train(
    tmp_path: Path, mirror: Path, prepare_settings: Settings
) -> None:
    places = Places(tmp_path / "local", tmp_path / "cache", mirror)
    _, account = prepare(tmp_path, "dailydialog", CATALOGUE, places, prepare_settings())
    files = {"train": "train", "dev": "validation", "test": "test"}
    dialogues = {}
    for split, name in files.items():
        text = zipfile.Path(mirror / "dailydialog" / f"{name}.zip", f"{name}/dialogues_{name}.txt")
        dialogues[split] = text.read_text("utf-8").splitlines()
    letters = {
        split: [re.sub(r"__eou__|\W", "", line).casefold() for line in lines]
        for split, lines in dialogues.items()
    }
    assert [sum(key in letters["train"] for key in letters[s]) for s in ("dev", "test")] == [
        123,
        151,
    ]
    held_out = {*letters["dev"], *letters["test"]}
    pairs = sum(
        line.count("__eou__") - 1
        for line, key in zip(dialogues["train"], letters["train"], strict=True)
        if key in held_out
    )
    assert account["train"]["dropped"]["dialogue_in_dev_or_test"] == pairs
    assert account["train"]["kept"] == 76052 - pairs
    facts = json.loads((tmp_path / "prepared" / "corpus.json").read_text())
    assert facts["dialogue"] == {"context_turns": 3, "separator": "<turn>"}


def test_json_lines_of_a_users_own_with_several_references(
    tmp_path: Path, mirror: Path, write_entry: Callable[..., Path], prepare_settings: Settings
) -> None:
    """E-mails and their subject lines; people wrote three more for each of dev and test."""
    local = tmp_path / "local"
    local.mkdir()
    for split in ("train", "dev", "test"):
        shutil.copyfile(mirror / "aeslc" / f"{split}.jsonl.gz", local / f"{split}.jsonl.gz")
    catalogue = write_entry(
        task="summarisation", tgt_lang="en", delimiter=None, columns=None, make_splits=None,
        files=[{"path": f"{split}.jsonl.gz"} for split in ("train", "dev", "test")],
        reader="json_lines",
        keys={"src": "body", "tgt": "subject", "references": ["ann0", "ann1", "ann2"]},
        splits={split: {"file": f"{split}.jsonl.gz"} for split in ("train", "dev", "test")},
    )  # fmt: skip
    places = Places(local, tmp_path / "cache", None)
    tables, _ = prepare(tmp_path, "mine", catalogue, places, prepare_settings())
    assert [len(tables[split]) for split in ("train", "dev", "test")] == [14436, 1960, 1906]
    assert "refs" not in tables["train"].columns
    for split in ("dev", "test"):
        assert {len(refs) for refs in tables[split]["refs"]} == {4}
        assert all(row["tgt"] == row["refs"][0] for _, row in tables[split].iterrows())
    assert not tables["dev"]["src"].str.contains("\n").any()
