"""Readers: each kind of file gives the rows that stand in it, or a fault with its line."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.errors import UserError
from attn2seq.reading.readers import read_rows
from attn2seq.reading.row import Row

PARALLEL: dict[str, Any] = {
    "reader": "parallel_lines",
    "delimiter": None,
    "columns": None,
    "files": [{"path": "a.en"}, {"path": "a.de"}, {"path": "b.de"}],
    "splits": {"train": {"src": "a.en", "tgt": "a.de", "references": ["b.de"]}},
}
JSON: dict[str, Any] = {
    "reader": "json_lines",
    "delimiter": None,
    "columns": None,
    "keys": {"src": "body", "tgt": "subject", "references": ["more"]},
}
KEY_VALUE: dict[str, Any] = {
    "reader": "key_value_lines",
    "delimiter": None,
    "columns": None,
    "keys": {"src": "IN:", "tgt": "OUT:"},
}
Corpus = Callable[..., Path]


def rows(raw: Path, split: str = "train") -> list[Row]:
    return list(read_rows(raw, read_raw_entry(raw), split))


def with_dev(changes: dict[str, Any]) -> dict[str, Any]:
    """The same files as train and as dev."""
    splits = changes.get("splits", {"train": {"file": "mine.tsv"}})
    return changes | {
        "splits": splits | {"dev": deepcopy(splits["train"])},
        "make_splits": {"test": 1, "seed": 1},
    }


def test_parallel_lines_with_blank_ones_kept_in_step(raw_corpus: Corpus) -> None:
    raw = raw_corpus(
        {"a.en": "one\n\nthree\n", "a.de": "eins\nzwei\ndrei", "b.de": "x\n"}, **PARALLEL
    )
    assert rows(raw) == [Row(1, "one", ["eins"]), Row(2, "", ["zwei"]), Row(3, "three", ["drei"])]


def test_further_references_belong_to_dev_and_test(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"a.en": "one\n", "a.de": "eins\n", "b.de": "ein\n"}, **with_dev(PARALLEL))
    assert rows(raw) == [Row(1, "one", ["eins"])]
    assert rows(raw, "dev") == [Row(1, "one", ["eins", "ein"])]


def test_sides_of_unequal_length_tell_both_counts(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"a.en": "1\n2\n3\n", "a.de": "1\n2\n", "b.de": "1\n"}, **PARALLEL)
    with pytest.raises(
        UserError, match=r"equal line counts: \S*a\.en has 3, \S*a\.de has 2; line i"
    ):
        rows(raw)


def test_a_separator_within_a_sentence_keeps_parallel_files_in_step(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"a.en": "a\u2028b\x85\nc\n", "a.de": "d\ne\n", "b.de": "x\n"}, **PARALLEL)
    assert [row.targets for row in rows(raw)] == [["d"], ["e"]]


def test_columns_with_byte_order_mark_carriage_returns_and_an_empty_last_line(
    raw_corpus: Corpus,
) -> None:
    raw = raw_corpus({"mine.tsv": "\ufeffHi.\t嗨。\tA\r\nRun.\t跑。\tB\r\n\r\n"})
    assert rows(raw) == [Row(1, "Hi.", ["嗨。"]), Row(2, "Run.", ["跑。"]), Row(3, "", [""])]


def test_columns_by_name_in_any_order(raw_corpus: Corpus) -> None:
    raw = raw_corpus(
        {"mine.tsv": "id;german;english\n7;Haus;house\n"},
        delimiter=";", header=True, columns={"src": "english", "tgt": "german"},
    )  # fmt: skip
    assert rows(raw) == [Row(2, "house", ["Haus"])]


def test_a_column_name_that_the_header_has_not(raw_corpus: Corpus) -> None:
    raw = raw_corpus(
        {"mine.tsv": "german\tenglish\nHaus\thouse\n"},
        header=True, columns={"src": "englisch", "tgt": "german"},
    )  # fmt: skip
    with pytest.raises(
        UserError, match=r"line 1: no column is named 'englisch' \(did you mean english\?\)"
    ):
        rows(raw)


def test_a_missing_column_tells_the_line(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"mine.tsv": "a\tb\nc d\n"})
    with pytest.raises(
        UserError,
        match=r"mine\.tsv, line 2: column 2 is missing; the line has 1, separated by '\\t'",
    ):
        rows(raw)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\tb\nc\td\te\n", r"line 2: 3 columns, but line 1 has 2: one '\\t' too many or too few"),
        ("a\tb\tx\n\nc d\tx\n", "line 3: 2 columns, but line 1 has 3"),
        ("a\tb\nc\td" + "\t" * 1000, r"line 2: 1002 columns, but line 1 has 2"),
    ],
)
def test_a_column_too_many_or_too_few_tells_the_line(
    raw_corpus: Corpus, text: str, fault: str
) -> None:
    """A delimiter within a text would pair a sentence with a part of it."""
    raw = raw_corpus({"mine.tsv": text})
    with pytest.raises(UserError, match=fault):
        rows(raw)


def test_the_last_column_may_hold_the_delimiter_or_be_missing_where_max_columns_says_so(
    raw_corpus: Corpus,
) -> None:
    raw = raw_corpus({"mine.tsv": "a\tb\tnote\nc\td\ne\tf\tnote\tmore\n"}, max_columns=3)
    assert [row.targets for row in rows(raw)] == [["b"], ["d"], ["f"]]


def test_columns_are_counted_from_the_header_on(raw_corpus: Corpus) -> None:
    named = {"header": True, "columns": {"src": "en", "tgt": "de"}}
    raw = raw_corpus({"mine.tsv": "de\ten\tnote\nHaus\thouse\n"}, **named)
    with pytest.raises(UserError, match="line 2: 2 columns, but line 1 has 3"):
        rows(raw)


def test_a_header_with_the_same_name_twice_tells_the_line(raw_corpus: Corpus) -> None:
    named = {"header": True, "columns": {"src": "en", "tgt": "de"}}
    raw = raw_corpus({"mine.tsv": "\nde\ten\tde\n"}, **named)
    with pytest.raises(UserError, match="line 2: 2 columns are named 'de'; give the number"):
        rows(raw)


def test_a_dictionary_with_comments_and_variants(raw_corpus: Corpus) -> None:
    text = "aalto AA1 L T # name\ndail(2) D OY1 L\n# nothing but a comment\n"
    raw = raw_corpus(
        {"mine.tsv": text},
        delimiter=" ", max_columns=2, comment="#", remove_from_src=r"\(\d+\)$",
    )  # fmt: skip
    assert rows(raw) == [
        Row(1, "aalto", ["AA1 L T "]),
        Row(2, "dail", ["D OY1 L"]),
        Row(3, "", [""]),
    ]


def test_json_lines(raw_corpus: Corpus) -> None:
    lines = [
        {"body": "a\nb", "subject": 1, "more": ["x", "y"]},
        {"body": "c", "subject": "d", "more": None},
    ]
    raw = raw_corpus({"mine.tsv": "\n".join(json.dumps(line) for line in lines)}, **with_dev(JSON))
    assert rows(raw) == [Row(1, "a\nb", ["1"]), Row(2, "c", ["d"])]
    assert rows(raw, "dev") == [Row(1, "a\nb", ["1", "x", "y"]), Row(2, "c", ["d"])]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"body": "a"}', r"line 2: the key 'subject' is missing \(it has body\)"),
        ('{"body": "a", "subjekt": "b"}', r"'subject' is missing \(did you mean subjekt\?\)"),
        ('{"body": "a"', r"line 2: not JSON"),
        ("[" * 100_000, r"line 2: not JSON"),
        ('["a", "b"]', r"line 2: must be a JSON object with keys"),
        ('{"body": {"x": 1}, "subject": "b"}', r"line 2: 'body' must hold text, got an object"),
        ('{"body": [["x"]], "subject": "b"}', r"'body' must hold text, got a list in a list"),
        ('{"body": true, "subject": "b"}', r"line 2: 'body' must hold text, got true"),
        ('{"body": ["a", "b"], "subject": "b"}', r"line 2: 'body' holds 2 texts"),
        (r'{"body": "\ud800", "subject": "b"}', r"line 2: 'body' holds an escape"),
        ('{"body": "a", "subject": "b", "body": "c"}', r"line 2: .*'body' occurs twice"),
        ('{"body": "a", "subject": "b", "x": [{"y": 1, "y": 2}]}', r"line 2: .*'y' occurs twice"),
        ('{"body": NaN, "subject": "b"}', r"line 2: not JSON \(NaN is not a JSON number\)"),
        (
            json.dumps(dict.fromkeys(map(str, range(99)))),
            r"'body' is missing \(it has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\)",
        ),
    ],
)
def test_json_that_cannot_be_used_tells_the_line(raw_corpus: Corpus, line: str, fault: str) -> None:
    raw = raw_corpus({"mine.tsv": '{"body": "a", "subject": "b"}\n' + line}, **JSON)
    with pytest.raises(UserError, match=fault):
        rows(raw)


def test_numbers_of_json_come_as_they_are_written(raw_corpus: Corpus) -> None:
    numbers = ["1.50", "1e400", "-0", "9" * 5000, "0.1E-7"]
    raw = raw_corpus(
        {"mine.tsv": "\n".join(f'{{"body": {n}, "subject": "x"}}' for n in numbers)}, **JSON
    )
    assert [row.src for row in rows(raw)] == numbers


def test_key_value_lines_in_either_order(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"mine.tsv": "IN: walk twice OUT: WALK WALK\nOUT: RUN IN: run\n"}, **KEY_VALUE)
    assert rows(raw) == [Row(1, " walk twice ", [" WALK WALK"]), Row(2, " run", [" RUN "])]


def test_a_missing_key_tells_the_line(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"mine.tsv": "IN: a OUT: b\nIN: walk WALK\n"}, **KEY_VALUE)
    with pytest.raises(UserError, match=r"mine\.tsv, line 2: the key 'OUT:' is missing"):
        rows(raw)


def test_a_key_that_stands_twice_tells_the_line(raw_corpus: Corpus) -> None:
    raw = raw_corpus({"mine.tsv": "IN: a OUT: b\nIN: a OUT: b IN: c\n"}, **KEY_VALUE)
    with pytest.raises(UserError, match=r"mine\.tsv, line 2: the key 'IN:' occurs twice"):
        rows(raw)


NESTED = '{"id": 1, "translation": {"en": "Hello.", "de": "Hallo."}}\n'


def test_a_dot_reaches_into_an_object_of_json(raw_corpus: Corpus) -> None:
    changes = {"reader": "json_lines", "delimiter": None, "columns": None}
    keys = {"src": "translation.en", "tgt": "translation.de"}
    raw = raw_corpus({"mine.tsv": NESTED}, keys=keys, **changes)
    assert rows(raw) == [Row(1, "Hello.", ["Hallo."])]
    dotted = '{"a.b": "Hello.", "a": {"b": "no", "c": "Hallo."}}\n'
    raw = raw_corpus({"mine.tsv": dotted}, keys={"src": "a.b", "tgt": "a.c"}, **changes)
    assert rows(raw) == [Row(1, "Hello.", ["Hallo."])]


@pytest.mark.parametrize(
    ("line", "keys", "fault"),
    [
        (NESTED, {"src": "translation", "tgt": "id"}, "translation.en reaches into it"),
        (NESTED, {"src": "translation.fr", "tgt": "id"}, "line 1, in 'translation': the key 'fr'"),
        ("[" + NESTED.strip() + ",\n", {"src": "a", "tgt": "b"}, "each line must hold one object"),
    ],
)
def test_objects_and_lists_of_json_are_told(
    raw_corpus: Corpus, line: str, keys: dict[str, str], fault: str
) -> None:
    raw = raw_corpus(
        {"mine.tsv": line}, keys=keys, reader="json_lines", delimiter=None, columns=None
    )
    with pytest.raises(UserError) as caught:
        rows(raw)
    assert fault in str(caught.value)


CSV: dict[str, Any] = {
    "delimiter": ",", "quoted": True, "header": True, "columns": {"src": "en", "tgt": "de"},
}  # fmt: skip


def test_quoted_columns_hold_delimiters_quotes_and_line_ends(raw_corpus: Corpus) -> None:
    text = 'de,"en"\r\n"Ja, ja.","Say ""yes""."\r\n\r\nplain,5" wide\r\n"zwei\r\nZeilen",two\r\n'
    raw = raw_corpus({"mine.tsv": text}, **CSV)
    assert rows(raw) == [
        Row(2, 'Say "yes".', ["Ja, ja."]),
        Row(3, "", [""]),
        Row(4, '5" wide', ["plain"]),
        Row(6, "two", ["zwei\nZeilen"]),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('en,de\na,b\n"a"b,c\n', "line 3: quotes that do not fit"),
        ('en,de\na,b\n"a,b\nc,d\n', "line 3: quotes that do not fit (unexpected end of data)"),
        ("en,de\na,b,c\n", "line 2: 3 columns, but line 1 has 2"),
        ("en,de\na\n", "line 2: column 2 is missing"),
        ("en,fr\na,b\n", "no column is named 'de'"),
    ],
)
def test_quoted_columns_that_do_not_fit(text: str, expected: str, raw_corpus: Corpus) -> None:
    with pytest.raises(UserError) as error:
        rows(raw_corpus({"mine.tsv": text}, **CSV))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ('"de","en"\n"ja","yes"\n', {}),
        ('a,b\n"Zwei\nZeilen",two\n', {"header": False, "columns": {"src": 2, "tgt": 1}}),
        ('en,de\n"a, b",c\n', {}),
        ('en,de\n"a, b","c"\n', {"max_columns": 2, "columns": {"src": 1, "tgt": 2}}),
    ],
    ids=["a header in quotes", "a line break in quotes", "a comma in quotes", "max_columns"],
)
def test_quotes_that_are_not_read_as_such_are_told_with_the_remedy_which_works(
    text: str, changes: dict[str, Any], raw_corpus: Corpus
) -> None:
    as_text = CSV | changes | {"quoted": None}
    with pytest.raises(UserError, match=r"set .*quoted"):
        rows(raw_corpus({"mine.tsv": text}, **as_text))
    found = rows(raw_corpus({"mine.tsv": text}, **CSV | changes | {"max_columns": None}))
    assert not any('"' in row.src + row.targets[0] for row in found)
