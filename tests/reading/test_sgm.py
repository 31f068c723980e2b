"""Test sets in SGML and XML: references by document and segment, several of them, and damage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading import test_sets
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

Read = Callable[..., list[Row]]
SOURCE = """<srcset setid="newstest" srclang="any">
<DOC sysid="ref" docid="d1" genre="news">
<p>
<seg id="1">AT&T &amp; Co <b>grow</b></seg>
<seg id="2"> Two
lines </seg>
</p>
</DOC>
<doc docid='d2'><seg id=1>If a < b &copy;</seg></doc>
</srcset>
"""
REFERENCE = """<refset setid="newstest" srclang="any" trglang="de">
<doc sysid="ref" docid="d2"><seg id="1">Drei</seg></doc>
<doc sysid="ref" docid="d1"><seg id="1">Eins</seg><seg id="2">Zwei</seg></doc>
</refset>
"""
ROWS = [
    Row(4, "AT&T & Co grow", ["Eins"]), Row(5, "Two\nlines", ["Zwei"]),
    Row(9, "If a < b &copy;", ["Drei"]),
]  # fmt: skip
XML = """<?xml version='1.0' encoding='utf-8'?>
<dataset id="newstest2021"><doc id="d1" origlang="en">
<src lang="en"><p><seg id="1">Go!</seg><seg id="2">Stop!</seg></p></src>
<ref lang="de" translator="A"><p><seg id="1">Los!</seg><seg id="2">Halt!</seg></p></ref>
<ref lang="de" translator="B"><p><seg id="1">Auf!</seg><seg id="2">Stopp!</seg></p></ref>
<hyp system="x" language="de"><p><seg id="1">no</seg><seg id="2">no</seg></p></hyp>
</doc></dataset>
"""


@pytest.fixture
def read(raw_corpus: Callable[..., Path]) -> Read:
    def write(*contents: str, split: str = "dev") -> list[Row]:
        names = "abc"[: len(contents)]

        def files() -> dict[str, object]:
            if len(contents) == 1:
                return {"file": "a"}
            return {"src": "a", "tgt": "b", "references": [*names[2:]]}

        raw = raw_corpus(
            dict(zip(names, contents, strict=True)), files=[{"path": name} for name in names],
            reader="sgm", delimiter=None, columns=None,
            splits={"train": files(), "dev": files()}, make_splits={"test": 1, "seed": 1},
        )  # fmt: skip
        return list(read_rows(raw, read_raw_entry(raw), split))

    return write


def test_a_source_and_its_reference_are_matched_by_document_and_segment(read: Read) -> None:
    assert read(SOURCE, REFERENCE) == ROWS


def test_references_in_further_files_and_in_the_same_one(read: Read) -> None:
    second = REFERENCE.replace("Zwei", "2").replace('sysid="ref"', 'sysid="b"')
    assert read(SOURCE, REFERENCE, second)[1] == Row(5, "Two\nlines", ["Zwei", "2"])
    assert read(SOURCE, REFERENCE + second)[1] == Row(5, "Two\nlines", ["Zwei", "2"])
    assert read(SOURCE, REFERENCE, second, split="train") == ROWS


def test_one_file_of_xml_with_two_translators(read: Read) -> None:
    assert read(XML) == [Row(3, "Go!", ["Los!", "Auf!"]), Row(3, "Stop!", ["Halt!", "Stopp!"])]


@pytest.mark.parametrize(
    ("contents", "fault"),
    [
        ([SOURCE, REFERENCE.replace("Zwei</seg>", "Zwei")], "b, line 3: the <seg> does not end"),
        ([SOURCE, REFERENCE[:-27]], "b, line 3: the <seg> does not end"),
        ([SOURCE, REFERENCE.replace('id="2"', 'id="1"')], "b, line 3: segment 1 of document d1 st"),
        (
            [SOURCE, REFERENCE.replace('docid="d2"', 'docid="d3"')],
            "a, line 9: segment 1 of document d2 is missing in .*b, reference ref: both must",
        ),
        ([SOURCE, REFERENCE.replace("<seg id", "<seg nr")], "b, line 2: a <seg> needs an id"),
        ([SOURCE, "Eins\nZwei\n"], "b has no segment of a source or reference"),
        ([SOURCE.replace("<seg id=1>", "")], "a, line 9: a </seg> without its <seg>"),
        ([SOURCE], "a has no references: name both files"),
        ([SOURCE, REFERENCE.replace("<seg id", "<seg><seg id")], "b, line 2: a <seg> needs an id"),
        ([SOURCE.replace("Two", '<seg id="9">'), REFERENCE], "a, line 5: a <seg> within another"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(read: Read, contents: list[str], fault: str) -> None:
    with pytest.raises(UserError, match=f"/{fault}"):
        read(*contents)


def test_a_set_without_end(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_sets, "MAX_SET_CHARACTERS", 100)
    with pytest.raises(UserError, match="a is longer than 100 characters"):
        read(SOURCE, REFERENCE)
