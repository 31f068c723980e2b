"""TMX and XLIFF: languages, formatting codes, and files that are damaged or of other languages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading import bitexts, markup
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

Read = Callable[..., list[Row]]
HEAD = '<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><body>\n'


def tmx(*units: str) -> str:
    return HEAD + "\n".join(units) + "\n</body></tmx>\n"


def unit(**texts: str) -> str:
    sides = (
        f'<tuv xml:lang="{lang.replace("_", "-")}"><seg>{text}</seg></tuv>'
        for lang, text in texts.items()
    )
    return f"<tu>{''.join(sides)}</tu>"


@pytest.fixture
def read(raw_corpus: Callable[..., Path]) -> Read:
    def write(content: str | bytes, split: str = "train", **changes: Any) -> list[Row]:
        keys = {"reader": "tmx", "delimiter": None, "columns": None} | changes
        raw = raw_corpus(
            {"mine.tsv": content}, splits={name: {"file": "mine.tsv"} for name in ("train", "dev")},
            make_splits={"test": 1, "seed": 1}, **keys,
        )  # fmt: skip
        return list(read_rows(raw, read_raw_entry(raw), split))

    return write


def test_units_in_order_whatever_the_order_of_their_languages(read: Read) -> None:
    content = tmx(
        unit(en="Go &amp; see", de="Los"), unit(fr="Deux", de_DE="Zwei", EN_us="Two <b>words</b>")
    )
    assert read(content) == [Row(4, "Go & see", ["Los"]), Row(5, "Two words", ["Zwei"])]


def test_a_region_is_matched_where_the_entry_names_one(read: Read) -> None:
    content = tmx(unit(en_US="color", en_GB="colour", de="Farbe"))
    assert read(content, src_lang="en-GB") == [Row(4, "colour", ["Farbe"])]
    assert read(content) == [Row(4, "color", ["Farbe"])]
    assert read(tmx(unit(eng="a", German="b"))) == [Row(4, "a", ["b"])]


def test_several_targets_are_references_of_dev(read: Read) -> None:
    content = tmx(unit(en="Go!", de="Los!").replace("</tu>", "") + unit(de="Geh!")[4:])
    assert read(content, "dev") == [Row(4, "Go!", ["Los!", "Geh!"])]
    assert read(content) == [Row(4, "Go!", ["Los!"])]


def test_formatting_codes_are_removed_or_kept_as_pieces(read: Read) -> None:
    text = '<bpt i="1">&lt;b&gt;<sub>alt</sub></bpt>all<ept i="1"/> of <hi>it</hi><ph>%s</ph>'
    content = tmx(unit(en=f"Save {text}.", de="Alles"))
    assert read(content)[0].src == "Save all of it."
    kept = "Save <bpt>all<ept> of <hi>it</hi><ph>."
    assert read(content, inline_tags="keep")[0].src == kept


def test_utf16_as_many_tools_write_it(read: Read) -> None:
    content = tmx(unit(en="Go", de="Größe")).replace("?>", ' encoding="utf-16"?>', 1)
    assert read(content.encode("utf-16")) == [Row(4, "Go", ["Größe"])]


def test_mixed_languages(read: Read) -> None:
    content = tmx(unit(en="a", de="b"), unit(fr="c", it="d"), unit(en="e", de="f"))
    fault = r"mine\.tsv, line 5: the unit has the languages fr, it, but the entry wants en and de"
    with pytest.raises(UserError, match=fault):
        read(content)
    assert [row.line for row in read(content, skip_other_languages=True)] == [4, 6]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (tmx(unit(en="a", de="b"))[:-30], r"line 4: not XML at position \d+ \(.*cut short"),
        (tmx(unit(en="a & b", de="b")), r"line 4: not XML at position 32 \(.*&amp;"),
        (tmx(), "holds no unit"),
        ("<html></html>", "is not TMX: it begins with <html>, not <tmx>"),
        ("", "is empty"),
        ("no markup", "line 1: not XML at position 1"),
        (tmx("<tu><tuv><seg>a</seg></tuv></tu>"), "line 4: <tuv> names no language"),
        (tmx("<seg>a</seg>"), "line 4: <seg> lies outside <tu>"),
        (
            '<!DOCTYPE tmx [<!ENTITY a "aaaa">\n<!ENTITY b "&a;&a;">]><tmx>&b;</tmx>',
            "line 1: declares an entity, which is not read",
        ),
        (
            '<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/passwd">]><tmx>&a;</tmx>',
            "line 1: declares an entity, which is not read",
        ),
        ('<?xml version="1.0" encoding="klingon"?><tmx/>', "its encoding cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(read: Read, content: str, fault: str) -> None:
    with pytest.raises(UserError, match=rf"/mine\.tsv.*{fault}"):
        read(content)


def test_endless_texts_and_tags(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitexts, "MAX_LINE_BYTES", 1_000)
    with pytest.raises(UserError, match="line 4: a text longer than 1,000 characters"):
        read(tmx(unit(en="a" * 2_000, de="b")))
    with pytest.raises(UserError, match="line 4: a unit longer than 1,000 characters"):
        read(tmx(unit(en="a", de="b").replace("</tu>", unit(de="c" * 99)[4:-5] * 20 + "</tu>")))
    with pytest.raises(UserError, match="line 4: nested more than 1,000 elements deep"):
        read(HEAD + "<a>" * 2_000)
    monkeypatch.setattr(markup, "MAX_LINE_BYTES", 100_000)
    with pytest.raises(UserError, match="has a tag of more than 100,000 bytes"):
        read(HEAD + "<tu a='" + "x" * 500_000)


XLIFF_1 = """<?xml version="1.0"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
<file source-language="en-US" target-language="de" original="a"><body>
<trans-unit id="1"><source>Save <g id="1">all</g><x id="2"/></source>
<seg-source><mrk>Save all</mrk></seg-source><target>Alles <g id="1">sichern</g></target>
<alt-trans><source>Save</source><target>Speichern</target></alt-trans></trans-unit>
<trans-unit id="2"><source>New</source></trans-unit>
</body></file></xliff>
"""
XLIFF_2 = """<xliff version="2.0" srcLang="en" trgLang="de"><file id="f"><unit id="u">
<segment><source>Go <pc id="1">now</pc><ph id="2"/></source><target>Los</target></segment>
<ignorable><source> </source></ignorable>
<segment><source>Stop</source><target>Halt</target></segment></unit></file></xliff>
"""


def test_xliff_1(read: Read) -> None:
    rows = [Row(4, "Save all", ["Alles sichern"]), Row(7, "New", [""])]
    assert read(XLIFF_1, reader="xliff") == rows
    kept = read(XLIFF_1, reader="xliff", inline_tags="keep")
    assert kept[0] == Row(4, "Save <g>all</g><x>", ["Alles <g>sichern</g>"])


def test_xliff_2(read: Read) -> None:
    assert read(XLIFF_2, reader="xliff") == [Row(2, "Go now", ["Los"]), Row(4, "Stop", ["Halt"])]


def test_xliff_of_the_other_direction_is_read_backwards(read: Read) -> None:
    rows = read(XLIFF_2, reader="xliff", src_lang="de", tgt_lang="en")
    assert rows[1] == Row(4, "Halt", ["Stop"])


def test_xliff_of_other_languages(read: Read) -> None:
    fault = "line 2: the file has the languages en, de, but the entry wants en and fr"
    with pytest.raises(UserError, match=fault):
        read(XLIFF_2, reader="xliff", tgt_lang="fr")
    with pytest.raises(UserError, match="holds no unit with a <source>"):
        read("<xliff/>", reader="xliff")
    with pytest.raises(UserError, match=r"line \d+: not XML"):
        read(XLIFF_1[:-40], reader="xliff")
    assert read(XLIFF_2, reader="xliff", tgt_lang="fr", skip_other_languages=True) == []
