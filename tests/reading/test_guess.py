"""What a file looks like, and what is said of files that cannot be read."""

from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.reading.guess import Table, guess_table
from attn2seq.reading.languages import language_of, languages_in


def guessed(path: Path, content: str | bytes, header: bool | None = None) -> Table:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return guess_table(path, header)


def delimited(delimiter: str, *names: str, quoted: bool = False) -> Table:
    return Table("delimited", list(names), len(names) or 2, delimiter, quoted)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("no\tnein\nyes, sir\tja\n", delimited("\t")),
        ("\ufeffEnglish\tde_AT\r\na\tb\r\n", delimited("\t", "English", "de_AT")),
        ("src;tgt\na, b;c\n", delimited(";", "src", "tgt", quoted=True)),
        ('"a, b",c\n"d\ne",f\n', delimited(",", quoted=True)),
        ('"a"\t"b ""c"""\n"d"\t"e"\n', delimited("\t", quoted=True)),
        # Two tabs in each line, and a comma in each.
        ("en\tde\na, b\tc\n", delimited("\t", "en", "de")),
        ('"Hi," she said.\tc\nd\te\n', delimited("\t")),
        ("\n".join([*["a\tb"] * 19, "c\td\te"]), delimited("\t")),
        ('{"en": "a", "de": "b", "n": 1}\n', Table("json_lines", ["en", "de"], 2)),
    ],
)
def test_tables(content: str, expected: Table, tmp_path: Path) -> None:
    assert guessed(tmp_path / "mine", content) == expected


def test_a_header_can_be_told(tmp_path: Path) -> None:
    assert guessed(tmp_path / "mine", "left\tright\na\tb\n", True).names == ["left", "right"]
    assert guessed(tmp_path / "mine", "en\tde\na\tb\n", False).names == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty"),
        ("a sentence\nand, well, another\n", "is no table"),
        ('[{"en": "a"}]', "jq -c"),
        ('{"a": {"en": "b"}}\n', "Texts within an inner object are not read"),
        ('{"en": "a"\n', "line 1: not JSON"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a\tb\rc\td\r", "end in carriage returns alone"),
        (b"PK\x03\x04", "a spreadsheet is one"),
        (b"\x1f\x8b\x08", "give it a name that ends in .gz"),
        ("Grüße\tÄpfel über Öl, schön größer\n".encode("cp1252") * 50, "iconv -f cp125"),
        ("привет\tмир и друзья\n".encode("utf-16"), "iconv -f utf-16"),
        (b"a\tb\n" + "ä".encode()[:1], "is not UTF-8"),
    ],
)
def test_what_cannot_be_read_comes_with_a_remedy(
    content: str | bytes, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"mine") as error:
        guessed(tmp_path / "mine", content)
    assert expected in str(error.value)


def test_a_fault_after_the_start_is_found(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not UTF-8"):
        guessed(tmp_path / "mine", b"a\tb\n" * 400_000 + b"\xff\t\n")


def test_languages() -> None:
    names = ["English", "eng", "en_GB", "EN", "en", "Chinese (Mandarin)", "id", "text", ""]
    assert [language_of(name) for name in names] == ["en"] * 5 + ["zh", "id", None, None]
    own = ("Deutsch", "français", "Español", "中文", "Русский")
    assert [language_of(name) for name in own] == ["de", "fr", "es", "zh", "ru"]
    files = ["train.de.gz", "mine.en.txt", "mine.en-de.tsv", "eng_fra.csv", "it.is.late", "de"]
    expected = [["de"], ["en"], ["en", "de"], ["en", "fr"], ["it", "is"], []]
    assert [languages_in(file) for file in files] == expected
