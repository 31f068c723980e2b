"""Corpus files: the rows that stand in them, or a fault with file and line."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from corpus_files import PARALLEL, READERS, FaultError, entry, expected, lines_of, rows, written
from generators import LONG, MUTATIONS, mutate, odd_text, one_long_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcomes import Refused, Tally

from attn2seq.reading import lines
from attn2seq.reading.row import Row

pytestmark = pytest.mark.promise("fuzz")

FAULTS, DAMAGES, EXAMPLES, LONG_LINES, BOUNDS = 800, 250, 250, 6, 15
# Neither a line's end nor what parts the texts of a line; a mark at the file's start is no text.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\t\r#\ufeff"))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8)
KINDS = pytest.mark.parametrize("kind", READERS)


def examples(tally: Tally) -> settings:
    """Those of Hypothesis: always the same ones."""
    return settings(
        max_examples=len(tally.seeds(EXAMPLES)), derandomize=True, deadline=None, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )  # fmt: skip


def check(tally: Tally, folder: Path, kind: str, given: str, content: bytes) -> None:
    """One file, of which must come what the slow way makes of it."""
    (folder / "mine.tsv").write_bytes(content)
    source = entry(**READERS[kind])
    try:
        wanted = expected(kind, content)
    except FaultError:
        wanted = 0
    got = tally.meet("readers", given, lambda: rows(folder, source))
    if not isinstance(got, Refused):
        assert got == wanted
        return
    assert not isinstance(wanted, list), f"{got.message}, but {wanted} stands there"
    assert (
        f"{folder / 'mine.tsv'}" + (f", line {wanted}:" if wanted else " is empty") in got.message
    )


@KINDS
def test_what_is_written_is_read_back(tally: Tally, tmp_path: Path, kind: str) -> None:
    source = entry(**READERS[kind])

    @examples(tally)
    @given(PAIRS)
    def of_any_texts(pairs: list[tuple[str, str]]) -> None:
        (tmp_path / "mine.tsv").write_bytes(written(kind, pairs))
        got = tally.meet("readers", "round trip", lambda: rows(tmp_path, source))
        if kind == "key_value_lines":
            pairs = [(f" {src} ", f" {tgt}") for src, tgt in pairs]
        if kind in ("delimited", "dictionary"):  # a line of white space is a blank one
            pairs = [pair if "".join(pair).strip() else ("", "") for pair in pairs]
        start = 2 if kind == "header" else 1
        assert got == [Row(n, src, [tgt]) for n, (src, tgt) in enumerate(pairs, start)]

    of_any_texts()


def test_parallel_files_are_read_back(tally: Tally, tmp_path: Path) -> None:
    source = entry(**PARALLEL)

    @examples(tally)
    @given(PAIRS)
    def of_any_texts(pairs: list[tuple[str, str]]) -> None:
        for name, side in zip("ab", zip(*pairs, strict=True), strict=True):
            (tmp_path / name).write_bytes("".join(f"{text}\n" for text in side).encode())
        got = tally.meet("readers", "round trip", lambda: rows(tmp_path, source))
        assert got == [Row(n, src, [tgt]) for n, (src, tgt) in enumerate(pairs, 1)]

    of_any_texts()


def faulty_columns(draw: random.Random) -> bytes:
    """A line with too few columns or too many, or an odd one."""
    fields = [odd_text(draw) for _ in range(draw.choice([0, 1, 1, 2, 3, 4, 9]))]
    return "\t".join(fields).encode()


def faulty_header(draw: random.Random) -> bytes:
    names = draw.choice([["de", "en", "de"], ["en", "En"], ["de", "id", "en"], ["de", "de"], []])
    return "\t".join(names).encode()


def faulty_json(draw: random.Random) -> bytes:
    """An object that lacks a key, has one twice, holds no text, or is none at all."""
    text = json.dumps(odd_text(draw))
    value = draw.choice([
        text, f"[{text}]", "[]", "null", "NaN", "-0", "1.50", "1e999", "9" * 5000, "[" * 2000, "{",
        *[f"[{text}, {text}]", "true", "{}", "[[]]", r'"\ud800"', r'"a\udfffb"'] * 3,
        *[f"[{text}, 1, {text}]"] * 3,
    ])  # fmt: skip
    return draw.choice([
        *[f'{{"body": {text}, "subject": {value}}}', f'{{"body": {value}, "subject": {text}}}'] * 6,
        f'{{"body": {text}}}', f'{{"bodi": {text}, "subject": {text}}}', value, "7", f"[{text}]",
        f'{{"body": {text}, "subject": {text}, "body": {text}}}',
        f'{{"body": {text}, "subject": {text}, "x": [{{"y": 1, "y": {value}}}]}}',
        "{" + ", ".join(f'"k{n}": 1' for n in range(40)) + "}",
    ]).encode()  # fmt: skip


def faulty_key_value(draw: random.Random) -> bytes:
    parts = ["IN:", "OUT:", "IN:", "OUT:", "in:", odd_text(draw), odd_text(draw)]
    return " ".join(draw.sample(parts, draw.randint(1, 6))).encode()


FAULTY: dict[str, Callable[[random.Random], bytes]] = {
    "delimited": faulty_columns,
    "header": lambda draw: draw.choice([faulty_columns, faulty_header, faulty_header])(draw),
    "dictionary": faulty_columns,
    "json_lines": faulty_json,
    "key_value_lines": faulty_key_value,
}


@KINDS
def test_lines_with_a_fault(tally: Tally, tmp_path: Path, kind: str) -> None:
    for seed in tally.seeds(FAULTS):
        draw = random.Random(f"{kind} {seed}")
        pairs = [(f"source {n}", f"target {n}") for n in range(draw.randint(1, 5))]
        some = written(kind, pairs).splitlines(keepends=True)
        some.insert(draw.choice([0, draw.randint(0, len(some))]), FAULTY[kind](draw) + b"\n")
        check(tally, tmp_path, kind, "faulty lines", b"".join(some))


@KINDS
def test_files_that_are_damaged(tally: Tally, tmp_path: Path, kind: str) -> None:
    for seed in tally.seeds(DAMAGES):
        draw = random.Random(f"{kind} {seed}")
        pairs = [(odd_text(draw), odd_text(draw)) for _ in range(draw.randint(0, 5))]
        given, content = mutate(draw, written(kind, pairs))
        check(tally, tmp_path, kind, given, content)


@KINDS
def test_lines_of_a_megabyte(tally: Tally, tmp_path: Path, kind: str) -> None:
    for seed in tally.seeds(LONG_LINES):
        draw = random.Random(f"{kind} {seed}")
        content = one_long_line(draw, written(kind, [("a", "b"), ("c", "d")]))
        assert len(content) > LONG
        check(tally, tmp_path, kind, "1 MB lines", content)


@KINDS
def test_lines_and_files_beyond_the_bounds(
    tally: Tally, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(lines, "MAX_TEXT_BYTES", 5000)
    source = entry(**READERS[kind])
    for seed in tally.seeds(BOUNDS):
        draw = random.Random(f"{kind} {seed}")
        before = draw.randint(0, 20)
        pairs = [("source", "target")] * before + [("x" * draw.randint(1001, 3000), "target")]
        (tmp_path / "mine.tsv").write_bytes(written(kind, pairs))
        number = before + (2 if kind == "header" else 1)
        got = tally.meet("readers", "endless lines", lambda: rows(tmp_path, source))
        assert isinstance(got, Refused)
        assert f"mine.tsv, line {number}: longer than 1,000 bytes" in got.message
        (tmp_path / "mine.tsv").write_bytes(written(kind, [("source", "target")] * 400))
        got = tally.meet("readers", "endless files", lambda: rows(tmp_path, source))
        assert isinstance(got, Refused)
        assert got.kinds == ["lines: text too long"]


def test_parallel_files_of_all_kinds(tally: Tally, tmp_path: Path) -> None:
    """Sides of unequal length, damaged sides, and no side at all."""
    source = entry(**PARALLEL)
    for seed in tally.seeds(600):
        draw = random.Random(seed)
        count = draw.randint(1, 6)
        contents = {}
        given = draw.choice(["unequal sides", "missing files", *MUTATIONS])
        for name in "ab":
            length = count + (draw.randint(0, 2) if given == "unequal sides" else 0)
            contents[name] = b"".join(f"{odd_text(draw)}\n".encode() for _ in range(length))
        if given in MUTATIONS:
            name = draw.choice("ab")
            contents[name] = MUTATIONS[given](draw, contents[name])
        if given == "missing files":
            del contents[draw.choice("ab")]
        for name in "ab":
            (tmp_path / name).unlink(missing_ok=True)
            if name in contents:
                (tmp_path / name).write_bytes(contents[name])
        got = tally.meet("readers", given, lambda: rows(tmp_path, source))
        check_parallel(got, contents)


def check_parallel(got: list[Row] | Refused, contents: dict[str, bytes]) -> None:
    try:
        sides = [lines_of(contents.get(name, b"")) for name in "ab"]
    except FaultError:
        assert isinstance(got, Refused)
        assert got.kinds[0] in (
            "lines: missing", "lines: empty, or one", "lines: not UTF-8", "parallel: unequal sides",
        )  # fmt: skip
        return
    faulty = any(isinstance(line, UnicodeDecodeError) for side in sides for line in side)
    if isinstance(got, Refused) and got.kinds[0] == "lines: empty, or one":
        lone = [side[0] for side in sides if len(side) == 1]
        assert any(isinstance(line, str) and line.count("\r") > 1 for line in lone)
    elif isinstance(got, Refused):
        unequal = len(sides[0]) != len(sides[1])
        wanted = {"parallel: unequal sides"} if unequal else set()
        assert got.kinds[0] in wanted | ({"lines: not UTF-8"} if faulty else set())
    else:
        assert not faulty
        assert got == [
            Row(n, str(src), [str(tgt)]) for n, (src, tgt) in enumerate(zip(*sides, strict=True), 1)
        ]
