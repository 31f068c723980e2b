"""Formats with a structure of their own: what is written is read back, and damage has its place."""

import html
import io
import random
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_files import entry, rows
from generators import mutate, odd_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcomes import Refused, Tally
from small_archives import segments, tarball

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.reading import bitexts, markup
from attn2seq.reading.row import Row

pytestmark = pytest.mark.promise("fuzz")

Pairs = list[tuple[str, str]]
Files = dict[str, bytes]
EXAMPLES, DAMAGES, EACH = 100, 200, 60
# What XML can hold, on one line, with something to see.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff\ufeff@"),
    min_size=1,
).filter(lambda text: bool(text.strip()))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8)


def one(**changes: Any) -> dict[str, Any]:
    """Changes for an entry of one file."""
    return {"delimiter": None, "columns": None} | changes


KINDS: dict[str, dict[str, Any]] = {
    "parquet": one(reader="parquet", columns={"src": "pair.en", "tgt": "de"}),
    "tmx": one(reader="tmx"),
    "xliff": one(reader="xliff"),
    "sgm": one(reader="sgm", files=[{"path": "a"}, {"path": "b"}],
               splits={"train": {"src": "a", "tgt": "b"}}),
    "moses": one(reader="moses", files=[{"path": "a.zip"}], splits={"train": {"file": "a.zip"}}),
    "documents": one(reader="documents", keys={"src": "body", "tgt": "subject"},
                     files=[{"path": "a.tar.gz"}], splits={"train": {"file": "a.tar.gz/in"}}),
    "dialogues": one(
        reader="dialogues",
        dialogues={"end_of_turn": "__eou__", "context_turns": 1, "separator": "<turn>"},
    ),
}  # fmt: skip
BY_KIND = pytest.mark.parametrize("kind", KINDS)


def zipped(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return packed.getvalue()


def table(columns: dict[str, Any]) -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made, row_group_size=3)
    return made.getvalue()


def tmx(*units: str, head: str = "") -> bytes:
    lines = [head, '<tmx version="1.4">', "<body>", *units, "</body>", "</tmx>", ""]
    return "\n".join(lines).lstrip("\n").encode()


def unit(src: str, tgt: str, languages: tuple[str, str] = ("en", "de")) -> str:
    sides = zip(languages, (src, tgt), strict=True)
    texts = (f'<tuv xml:lang="{lang}"><seg>{text}</seg></tuv>' for lang, text in sides)
    return f"<tu>{''.join(texts)}</tu>"


def xliff(*pairs: tuple[str, str], languages: str = 'srcLang="en" trgLang="de"') -> bytes:
    units = (f"<segment><source>{a}</source><target>{b}</target></segment>" for a, b in pairs)
    return f"<xliff {languages}><file>\n{chr(10).join(units)}\n</file></xliff>".encode()


def written(kind: str, pairs: Pairs) -> Files:
    """The pairs as files of that format, by name."""
    sources, targets = ([*side] for side in zip(*pairs, strict=True))
    escaped = [(html.escape(src), html.escape(tgt)) for src, tgt in pairs]
    if kind == "parquet":
        return {"mine.tsv": table({"de": targets, "pair": [{"en": src} for src in sources]})}
    if kind == "tmx":
        return {"mine.tsv": tmx(*(unit(*pair) for pair in escaped))}
    if kind == "xliff":
        return {"mine.tsv": xliff(*escaped)}
    if kind == "sgm":
        sides = zip("ab", ("srcset", "refset"), zip(*escaped, strict=True), strict=True)
        return {name: segments(element, *side).encode() for name, element, side in sides}
    if kind == "moses":
        sides = {"en": sources, "de": targets}
        texts = {f"x.{lang}": "".join(f"{t}\n" for t in side) for lang, side in sides.items()}
        return {"a.zip": zipped(texts | {"README": "about"})}
    if kind == "documents":
        texts = {f"in/{n:04}": f"{src}\n\n@subject\n{tgt}" for n, (src, tgt) in enumerate(pairs)}
        return {"a.tar.gz": tarball(texts)}
    turns = (f"{src} __eou__ {tgt} __eou__\n" for src, tgt in pairs)
    return {"mine.tsv": "".join(turns).encode()}


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


@BY_KIND
def test_what_is_written_is_read_back(tally: Tally, tmp_path: Path, kind: str) -> None:
    source = entry(**KINDS[kind])

    @settings(
        max_examples=len(tally.seeds(EXAMPLES)), derandomize=True, deadline=None, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )  # fmt: skip
    @given(PAIRS)
    def of_any_texts(pairs: Pairs) -> None:
        write(tmp_path, written(kind, pairs))
        got = tally.meet("formats", "round trip", lambda: rows(tmp_path, source))
        assert not isinstance(got, Refused), got.message
        texts = [(row.src.strip(), row.targets[0].strip()) for row in got]
        assert texts == [(src.strip(), tgt.strip()) for src, tgt in pairs]

    of_any_texts()


@BY_KIND
def test_files_that_are_damaged(tally: Tally, tmp_path: Path, kind: str) -> None:
    """Rows of texts, or an error that begins with the file."""
    source = entry(**KINDS[kind])
    for seed in tally.seeds(DAMAGES):
        draw = random.Random(f"{kind} {seed}")
        odd = "".join(char for char in odd_text(draw) if char.isprintable())
        files = written(kind, [(f"a{odd} {n}", f"b {n}") for n in range(draw.randint(1, 6))])
        name = draw.choice(sorted(files))
        given, files[name] = mutate(draw, files[name])
        write(tmp_path, files)
        got = tally.meet("formats", given, lambda: rows(tmp_path, source))
        if isinstance(got, Refused):
            assert f"{tmp_path}/" in got.message
            continue
        for row in got:
            assert isinstance(row, Row)
            assert all(isinstance(text, str) for text in (row.src, *row.targets))


ENTITY = '<!DOCTYPE tmx [<!ENTITY a "b">]>'
ONE = written("tmx", [("a", "b")])["mine.tsv"]
LONG_UNIT = f"<tu>{unit('a' * 99, 'b')[4:-5] * 50}</tu>"
# Files with one fault each, by the kind of error that it is.
FAULTS: dict[str, list[tuple[str, Files]]] = {
    "parquet: no table": [("parquet", {"mine.tsv": content}) for content in (
        b"a\tb\n", b"", b"version https://git-lfs.github.com/spec/v1\n",
    )],
    "parquet: column": [("parquet", {"mine.tsv": table(columns)}) for columns in (
        {"de": ["a"]}, {"pair": [{"en": "a"}], "de": [0.5]}, {"pair": ["a"], "de": ["b"]},
        {"pair": [{"fr": "a"}], "de": ["b"]}, {"pair": [{"en": {"x": "a"}}], "de": ["b"]},
    )],
    "parquet: row": [("parquet", {"mine.tsv": table(columns)}) for columns in (
        {"pair": [{"en": "a"}], "de": [["a", "b"]]}, {"pair": [{"en": b"\xff"}], "de": ["b"]},
    )],
    "xml: not XML": [("tmx", {"mine.tsv": content}) for content in (
        ONE[:-9], ONE.replace(b"b<", b"b&<"), ONE.replace(b"</seg>", b""), b"a",
    )] + [("xliff", {"mine.tsv": xliff(("a & b", "c"))})],
    "xml: entity": [("tmx", {"mine.tsv": tmx(unit("&a;", "b"), head=ENTITY)})],
    "xml: encoding": [("tmx", {"mine.tsv": tmx(head=f'<?xml version="1.0" encoding="{name}"?>')})
                      for name in ("klingon", "utf-7", "gb18030")],
    "xml: endless tag": [("tmx", {"mine.tsv": tmx(f'<tu a="{"x" * 400_000}"/>')})],
    "xml: too deep": [("tmx", {"mine.tsv": tmx("<a>" * 2_000)}),
                      ("xliff", {"mine.tsv": b"<xliff>" * 2_000})],
    "bitext: endless text": [("tmx", {"mine.tsv": tmx(LONG_UNIT)}),
                             ("tmx", {"mine.tsv": tmx(unit("a" * 5_000, "b"))}),
                             ("xliff", {"mine.tsv": xliff(("a" * 5_000, "b"))})],
    "bitext: other root": [("tmx", {"mine.tsv": xliff(("a", "b"))}),
                           ("xliff", {"mine.tsv": ONE})],
    "bitext: no unit": [("tmx", {"mine.tsv": tmx()}), ("xliff", {"mine.tsv": xliff()})],
    "bitext: languages": [
        ("tmx", {"mine.tsv": tmx(unit("a", "b", ("en", "fr")))}),
        ("tmx", {"mine.tsv": tmx(unit("a", "b"), unit("a", "b", ("it", "de")))}),
        ("tmx", {"mine.tsv": tmx("<tu><tuv><seg>a</seg></tuv></tu>")}),
        ("xliff", {"mine.tsv": xliff(("a", "b"), languages='srcLang="en" trgLang="fr"')}),
    ],
    "bitext: misplaced": [("tmx", {"mine.tsv": tmx("<seg>a</seg>")})],
    "sgm: segment": [("sgm", {"a": source.encode(), "b": segments("refset", "c", "d").encode()})
                     for source in (
        segments("srcset", "a", "b", "e"), segments("srcset", "a", "b").replace("</seg>", ""),
        segments("srcset", "a", "b").replace('"2"', '"1"'),
        segments("srcset", "a", "b").replace(' id="1"', ""),
        segments("srcset", "a", "b").replace('<seg id="1">', ""),
    )],
    "sgm: no set": [("sgm", {"a": b"a\nb\n", "b": segments("refset", "c").encode()}),
                    ("sgm", {"a": segments("srcset", "c").encode(), "b": b"<refset></refset>"})],
    "moses: languages": [("moses", {"a.zip": zipped(members)}) for members in (
        {"x.en": "a\n"}, {"x.en": "a\n", "x.de": "b\n", "y.de": "c\n"}, {},
    )],
    "documents: no folder": [("documents", {"a.tar.gz": tarball({"out/a": "b\n"})})],
    "documents: section": [("documents", {"a.tar.gz": tarball({"in/a": text})}) for text in (
        "a\n@subjekt\nb", "a\n@subject\nb\n@subject\nc", "a",
    )],
    "dialogues: turn": [("dialogues", {"mine.tsv": text.encode()}) for text in (
        "a __eou__ __eou__\n", "a __eou__ b __eou__\na __eou__ b\n", "__eou__\n",
    )],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_place(
    tally: Tally, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitexts, "MAX_LINE_BYTES", 3_000)
    monkeypatch.setattr(markup, "MAX_LINE_BYTES", 100_000)
    for seed in tally.seeds(EACH):
        kind, files = FAULTS[fault][seed % len(FAULTS[fault])]
        write(tmp_path, files)
        source = entry(**KINDS[kind])
        got = tally.meet("formats", "faults", lambda source=source: rows(tmp_path, source))
        assert isinstance(got, Refused), (kind, files)
        assert got.kinds == [fault], got.message


# Splits and sources that cannot be, by the fault that each is.
ENTRIES: dict[str, list[dict[str, Any]]] = {
    "entry: splits": [
        {"splits": {"train": files}}
        for files in (
            {"parts": []}, {"parts": [{"file": "mine.tsv"}], "file": "mine.tsv"},
            {"parts": [{"file": "other"}]}, {"source": "web:x"}, {"sha256": "0" * 64},
            {"source": "hub:a@b/c"}, {"source": "sacrebleu:wmt14/en-de", "sha256": "unknown"},
            {"file": "mine.tsv", "reader": "moses"}, {"file": "mine.tsv", "reader": "sgm",
                                                      "src": "mine.tsv"},
        )
    ],
    "entry: number of a column": [one(reader="parquet", columns={"src": 1, "tgt": 2})],
}  # fmt: skip


@pytest.mark.parametrize("fault", ENTRIES)
def test_a_fault_of_an_entry_is_told_by_its_key(
    tally: Tally, tmp_path: Path, fault: str, write_entry: Callable[..., Path]
) -> None:
    for seed in tally.seeds(EACH):
        folder = write_entry(**ENTRIES[fault][seed % len(ENTRIES[fault])])
        got = tally.meet("formats", "entries", partial(read_catalogue_entry, folder, "mine"))
        assert isinstance(got, Refused)
        assert fault in got.kinds, got.message
