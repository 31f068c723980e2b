"""Recordings and their transcripts out of an archive: lists, tables, texts beside, spelt names."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tone_corpus import packed

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading.readers import read_rows, recordings_of
from attn2seq.reading.recordings import audio_files, speaker_of
from attn2seq.reading.row import Row

Files = dict[str, bytes | str]
FILES: Files = {
    "c/README": "not read",
    "c/wav/anna/1.flac": "one",
    "c/wav/bo/2.wav": "two",
    "c/wav/bo/deep/3.sph": "three",
    "c/texts.txt": "<s> YES </s> (1)\n\n<s> NO WAY </s> (2)\nGO (3)\n",
    "c/table.tsv": "path\tsentence\tage\nanna/1.flac\tyes\t5\nbo/2.wav\tno way\t6\n",
}
LINE = r"(?:<s> )?(?P<text>.*?)(?: </s>)? \((?P<name>[^()]+)\)"
TABLE = {"delimiter": "\t", "header": True, "columns": {"src": "path", "tgt": "sentence"}}


@pytest.fixture
def raw(raw_corpus: Callable[..., Path]) -> Callable[..., Path]:
    """Writes an archive and an entry; `form` is the part `recordings` of that."""

    def write(
        files: Files = FILES, file: str | None = "c/texts.txt", name: str = "a.tar.gz",
        form: dict[str, Any] | None = None, audio: str = "c/wav", **changes: Any,
    ) -> Path:  # fmt: skip
        content = packed(files) if name.endswith("gz") else zipped(files)
        values = {
            "reader": "recordings",
            "recordings": {"sample_rate": 8000, "line": LINE} if form is None else form,
            "delimiter": None, "columns": None, "files": [{"path": name}],
            "splits": {
                "train": {"audio": f"{name}/{audio}"} | ({"file": f"{name}/{file}"} if file else {})
            },
            "make_splits": {"dev": 1, "test": 1, "seed": 1},
        }  # fmt: skip
        return raw_corpus({name: content}, **values | changes)

    return write


def zipped(files: Files) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return made.getvalue()


def rows(raw: Path) -> list[Row]:
    return list(read_rows(raw, read_raw_entry(raw), "train"))


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_lines_of_a_pattern(raw: Callable[..., Path], name: str) -> None:
    expected = [Row(1, "1", ["YES"]), Row(3, "2", ["NO WAY"]), Row(4, "3", ["GO"])]
    assert rows(raw(name=name)) == expected


def test_a_table_with_paths(raw: Callable[..., Path]) -> None:
    found = rows(raw(file="c/table.tsv", form={"sample_rate": 8000}, **TABLE))
    assert found == [Row(2, "1", ["yes"]), Row(3, "2", ["no way"])]


def test_speakers_stand_before_names(raw: Callable[..., Path]) -> None:
    form = {"sample_rate": 8000, "line": LINE, "speaker": "^([^/]+)/"}
    names = [row.src for row in rows(raw(form=form))]
    assert names == ["anna/1", "bo/2", "bo/3"]
    assert [speaker_of(name) for name in names] == ["anna", "bo", "bo"]
    assert speaker_of("1") == ""


def test_texts_beside_recordings(raw: Callable[..., Path]) -> None:
    files: Files = {"w/b.wav": "", "w/b.txt": "second\n", "w/a.wav": "", "w/a.txt": " first\nline "}
    found = rows(raw(files, file=None, form={"sample_rate": 8000}, audio="w"))
    assert found == [Row(1, "a", ["first line"]), Row(2, "b", ["second"])]


def test_names_that_spell_their_text(raw: Callable[..., Path]) -> None:
    form = {"sample_rate": 8000, "spelt": {"0": "NO", "1": "YES"}}
    found = rows(raw({"w/1_0_1.wav": ""}, file=None, form=form, audio="w"))
    assert found == [Row(1, "1_0_1", ["YES NO YES"])]


def test_recordings_are_left_out_by_name(raw: Callable[..., Path]) -> None:
    form = {"sample_rate": 8000, "line": LINE, "leave_out": ["2", "anna/1.flac"]}
    assert [row.src for row in rows(raw(form=form))] == ["3"]


def test_contents_come_in_one_pass(raw: Callable[..., Path]) -> None:
    folder = raw()
    found = list(recordings_of(folder, read_raw_entry(folder), "train"))
    members = {one.member: one.name for one in found if one.name != "2"}
    got = [(name, content) for name, content, _ in audio_files(folder, found[0].archive, members)]
    assert got == [("1", b"one"), ("3", b"three")]


@pytest.mark.parametrize(
    ("files", "changes", "told"),
    [
        ({"c/texts.txt": "YES (1)\n"}, {}, "a.tar.gz/c/wav has no recordings"),
        (FILES | {"c/texts.txt": "YES (1)\nNO (22)\n"}, {},
         "a.tar.gz/c/texts.txt, line 2: {raw}/a.tar.gz/c/wav has no recording 22"),
        (FILES | {"c/texts.txt": "YES (1)\n (2)\n"}, {},
         "a.tar.gz/c/texts.txt, line 2: the transcript of 2 is empty"),
        (FILES | {"c/texts.txt": "YES 1\n"}, {},
         "a.tar.gz/c/texts.txt, line 1: is not of the pattern recordings.line"),
        (FILES | {"c/texts.txt": "YES (1)\nNO (1)\n"}, {},
         "a.tar.gz/c/texts.txt, line 2: a second recording is named 1, after line 1"),
        (FILES | {"c/wav/anna/2.wav": ""}, {},
         "a.tar.gz/c/texts.txt, line 3: 2 may be anna/2.wav, bo/2.wav; give its path"),
        (FILES | {"c/wav/anna/a b.wav": "", "c/texts.txt": "YES (a b)\n"}, {},
         "a.tar.gz/c/wav/anna/a b.wav: a b is no name for a recording or a speaker"),
        (FILES, {"form": {"sample_rate": 8000, "line": LINE, "speaker": "^x(.)"}},
         "a.tar.gz/c/wav/anna/1.flac: recordings.speaker finds no speaker"),
        (FILES | {"c/table.tsv": "path\tage\nanna/1.flac\t5\n"},
         {"file": "c/table.tsv", "form": {"sample_rate": 8000}, **TABLE},
         "a.tar.gz/c/table.tsv, line 1: no column is named 'sentence' (it has path, age)"),
        (FILES | {"c/table.tsv": "path\tsentence\nanna/1.flac\n"},
         {"file": "c/table.tsv", "form": {"sample_rate": 8000}, **TABLE},
         "a.tar.gz/c/table.tsv, line 2: column 2 is missing; the line has 1"),
        ({"w/a.wav": ""}, {"file": None, "form": {"sample_rate": 8000}, "audio": "w"},
         "a.tar.gz/w/a.wav: its transcript a.txt is missing"),
        ({"w/2_0.wav": ""},
         {"file": None, "form": {"sample_rate": 8000, "spelt": {"0": "NO"}}, "audio": "w"},
         "a.tar.gz/w/2_0.wav: recordings.spelt has no word for '2'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(
    raw: Callable[..., Path], files: Files, changes: dict[str, Any], told: str
) -> None:
    folder = raw(files, **changes)
    with pytest.raises(UserError) as caught:
        rows(folder)
    assert str(caught.value).startswith(f"{folder}/{told.format(raw=folder)}")
