"""Dialogues: pairs of context and reply, and those that stand in two splits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading.readers import read_rows, repeated_lines
from attn2seq.reading.row import Row

FORM = {"end_of_turn": "__eou__", "context_turns": 2, "separator": "<turn>"}
TRAIN = (
    "Hi . __eou__ Hello ! __eou__ Tea ? __eou__ Yes . __eou__\n\nAlone __eou__\n"
    "A __eou__ B __eou__\n"
)


@pytest.fixture
def corpus(raw_corpus: Callable[..., Path]) -> Callable[..., Path]:
    def write(train: str = TRAIN, dev: str = "a.__eou__b __eou__\n", **changes: Any) -> Path:
        return raw_corpus(
            {"a": train, "b": dev}, reader="dialogues", delimiter=None, columns=None,
            dialogues=FORM | changes, files=[{"path": "a"}, {"path": "b"}],
            splits={"train": {"file": "a"}, "dev": {"file": "b"}},
            make_splits={"test": 1, "seed": 1},
        )  # fmt: skip

    return write


def read(raw: Path, split: str = "train") -> list[Row]:
    return list(read_rows(raw, read_raw_entry(raw), split))


def test_each_turn_but_the_first_answers_those_before_it(corpus: Callable[..., Path]) -> None:
    assert read(corpus()) == [
        Row(1, "Hi .", ["Hello !"]), Row(1, "Hi . <turn> Hello !", ["Tea ?"]),
        Row(1, "Hello ! <turn> Tea ?", ["Yes ."]), Row(4, "A", ["B"]),
    ]  # fmt: skip


def test_dialogues_that_dev_has_too_are_found_though_written_otherwise(
    corpus: Callable[..., Path],
) -> None:
    raw = corpus()
    assert repeated_lines(raw, read_raw_entry(raw)) == {4}


@pytest.mark.parametrize(
    ("train", "fault"),
    [
        ("A __eou__ B __eou__\nA __eou__ __eou__ B __eou__\n", "line 2: turn 2 has no text"),
        ("A __eou__ B __eou__\nA __eou__ B", "line 2: the last turn does not end with __eou__"),
        ("", "is empty"),
    ],
)
def test_bad_dialogues(corpus: Callable[..., Path], train: str, fault: str) -> None:
    with pytest.raises(UserError, match=f"/a.*{fault}"):
        read(corpus(train))
