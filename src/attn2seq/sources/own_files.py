"""How a user's own files are read: the part of a catalogue entry that follows from how they look.

own_files([Path("mine.en.gz"), Path("mine.de.gz")], Wishes()).keys
src_lang: en, tgt_lang: de, reader: parallel_lines, splits: {train: {src: mine.en.gz, ...}}, ...
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from attn2seq.catalogue.split_faults import ARCHIVES
from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.bitexts import tmx_units
from attn2seq.reading.guess import DELIMITERS, NO_TEXTS, SIDES, Table, check_text, guess_table
from attn2seq.reading.languages import BLEU_TOKENIZERS, language_of, languages_in

_START_BYTES = 1000
Sides = tuple[str | None, str | None]  # source, target


@dataclass(frozen=True)
class Wishes:
    """What the user says of the files; the rest is guessed."""

    languages: Sides = (None, None)
    columns: Sides = (None, None)  # each a name, a key, or a number from 1
    header: bool | None = None


@dataclass(frozen=True)
class OwnFiles:
    """The files, the source's first where there are two, and what was found."""

    files: Sequence[Path]
    keys: dict[str, Any]  # of the catalogue entry
    told: list[str]  # the same for people


def own_files(files: Sequence[Path], wishes: Wishes) -> OwnFiles:
    """Look at one table, or at two files of lines. Raises UserError where anything is unclear."""
    if len(files) > 2:
        raise UserError(f"one table or two text files are needed, got {len(files)} files")
    for file in files:
        if not file.is_file():
            raise UserError(f"{file} is no file")
        if file.name.endswith(ARCHIVES):
            raise UserError(f"{file} is an archive: unpack it, and give the files in it")
    if len(files) == 2:
        files, found, reading, told = _two_files(files, wishes.languages)
    elif _is_tmx(files[0]):
        found, reading, told = _translation_memory(files[0], wishes.languages)
    else:
        found, reading, told = _one_table(files[0], wishes)
    src, tgt = (wish or one for wish, one in zip(wishes.languages, found, strict=True))
    if not (src and tgt):
        options = zip(("--src-lang", "--tgt-lang"), (src, tgt), strict=True)
        raise UserError(
            f"nothing names the language of each side of {' and '.join(map(str, files))}: say "
            f"{' and '.join(option for option, known in options if not known)}, such as en or de"
        )
    keys = {
        "src_lang": src, "tgt_lang": tgt, "files": [{"path": file.name} for file in files],
        **reading, "bleu_tokenizer": BLEU_TOKENIZERS.get(tgt, "13a"),
    }  # fmt: skip
    return OwnFiles(files, keys, [*told, f"languages  {src} to {tgt}"])


def _two_files(
    files: Sequence[Path], wanted: Sides
) -> tuple[Sequence[Path], list[str | None], dict[str, Any], list[str]]:
    """The files in order, their languages, how to read them, and that in words."""
    for file in files:
        check_text(file)
    found = [next(reversed(languages_in(file.name)), None) for file in files]
    # The order in which they were given counts, unless the wish says otherwise.
    other = [one or two for one, two in zip(wanted, found[::-1], strict=True)]
    if any(wanted) and other == found[::-1] and found[0] != found[1]:
        files, found = files[::-1], found[::-1]
    splits = {"train": {"src": files[0].name, "tgt": files[1].name}}
    told = ["format     two files of lines, UTF-8"]
    told += [f"source     {files[0]}", f"target     {files[1]}"]
    return files, found, {"reader": "parallel_lines", "splits": splits}, told


def _one_table(file: Path, wishes: Wishes) -> tuple[list[str | None], dict[str, Any], list[str]]:
    """The languages of the two columns, how to read them, and that in words."""
    header = wishes.header
    if header is None and any(column and not column.isdigit() for column in wishes.columns):
        header = True
    table = guess_table(file, header)
    src, tgt = _columns(file, table, wishes)
    found = [_language(str(column)) for column in (src, tgt)]
    pair: list[str] = languages_in(file.name)
    if None in found and len(pair) == 2:
        found = [one or other for one, other in zip(found, pair, strict=True)]
    reading: dict[str, Any] = {"reader": table.reader}
    if table.reader == "json_lines":
        reading["keys"] = {"src": src, "tgt": tgt}
        told = f"a JSON object per line, with the keys {some(table.names)}; UTF-8"
    elif table.reader == "parquet":
        reading["columns"] = {"src": src, "tgt": tgt}
        told = f"a parquet table with the columns {some(table.names)}"
    else:
        reading["delimiter"] = table.delimiter
        reading |= {"quoted": True} if table.quoted else {}
        reading |= {"header": True} if table.names else {}
        reading["columns"] = {"src": src, "tgt": tgt}
        told = f"{table.width} columns, separated by {DELIMITERS[table.delimiter]}s"
        told += ", in quotes where needed" if table.quoted else ""
        told += f"; header {some(table.names)}" if table.names else "; no header"
        told += "; UTF-8"
    reading["splits"] = {"train": {"file": file.name}}
    sides = zip(("source", "target"), (src, tgt), strict=True)
    called = [f"{side:11}column {plain(column)}" for side, column in sides]
    return found, reading, [f"format     {told}", *called]


def _is_tmx(file: Path) -> bool:
    if ".tmx" in file.name.lower():
        return True
    with file.open("rb") as start:
        return b"<tmx" in start.read(_START_BYTES)


def _translation_memory(
    file: Path, wanted: Sides
) -> tuple[list[str | None], dict[str, Any], list[str]]:
    """The languages of a TMX file, how to read it, and that in words."""
    units = [
        [_code(language) for language, _ in unit.texts]
        for unit in tmx_units(file.parent, file.name)
    ]
    known = [language for language, _ in Counter(chain.from_iterable(units)).most_common()]
    wishes = [_code(language) if language else None for language in wanted]
    others = [language for language in known if language not in wishes]
    if len(others) < wishes.count(None) or (len(known) > 2 and None in wishes):
        raise UserError(
            f"{file} has the languages {some(known) if known else 'none'}: say --src-lang and "
            "--tgt-lang, each one of them"
        )
    src, tgt = (others.pop(0) if wish is None else wish for wish in wishes)
    reading: dict[str, Any] = {"reader": "tmx"}
    told = [f"format     TMX with the languages {some(known)}"]
    lacking = sum(not {src, tgt} <= {*unit} for unit in units)
    if lacking == len(units):
        raise UserError(
            f"{file}: no unit has both {src} and {tgt}; it has the languages {some(known)}"
        )
    if lacking:
        reading["skip_other_languages"] = True
        told.append(f"           {lacking:,} units without both languages are left out")
    reading["splits"] = {"train": {"file": file.name}}
    return [src, tgt], reading, told


def _code(language: str) -> str:
    """`en` for `EN-us`."""
    return language_of(language) or language.partition("-")[0].lower()


def _columns(file: Path, table: Table, wishes: Wishes) -> list[int | str]:
    """The columns of source and target: as told, as they are called, or the only two."""
    chosen: list[int | str | None] = []
    for wish, language, words in zip(wishes.columns, wishes.languages, SIDES, strict=True):
        called = [name for name in table.names if language and _language(name) == language]
        called += [name for name in table.names if _last(name).lower() in words]
        chosen.append(_told_column(file, table, wish) if wish else next(iter(called), None))
    known: list[int | str] = [*table.names] or [*range(1, table.width + 1)]
    left = [column for column in known if column not in chosen]
    if table.width > 2:
        texts = (str(column) for column in left if str(column).lower() not in NO_TEXTS)
        left = [column for column in texts if _language(column)]
    if len(left) < chosen.count(None):
        raise UserError(
            f"{file}: which columns are source and target? Say --src-column and --tgt-column, each "
            f"one of {some(map(str, known))}"
        )
    return [left.pop(0) if column is None else column for column in chosen]


def _last(column: str) -> str:
    """What names a column: of `translation.en`, the field."""
    return column.rpartition(".")[2]


def _language(column: str) -> str | None:
    return language_of(column) or language_of(_last(column))


def _told_column(file: Path, table: Table, wish: str) -> int | str:
    if wish in table.names:
        return wish
    if wish.isdigit() and 1 <= int(wish) <= table.width and table.reader == "delimited":
        return int(wish)
    guess = nearest(wish, table.names)
    hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(table.names)}"
    raise UserError(f"{file}: there is no column {plain(wish)} ({hint})")
