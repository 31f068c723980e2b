"""Parallel lines: line i of each file is one pair.

OPUS packs such files in a zip, `de-en.txt.zip`, as `Corpus.de-en.de` and `Corpus.de-en.en`: the
reader `moses` finds them by their endings.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from attn2seq.catalogue.entry import CatalogueEntry, SplitFiles
from attn2seq.config import plain, some
from attn2seq.errors import UserError
from attn2seq.reading.archives import member_names
from attn2seq.reading.lines import read_lines
from attn2seq.reading.row import Row


def read_parallel(
    raw: Path, files: SplitFiles, several: bool, skip_lines: str | None = None
) -> Iterator[Row]:
    """The pairs of lines, without those that match `skip_lines` on all sides.

    Raises UserError where the files have different numbers of lines.
    """
    assert files.src is not None
    assert files.tgt is not None
    names = [files.src, files.tgt, *(files.references if several else [])]
    skip = re.compile(skip_lines) if skip_lines else None
    for lines in zip_longest(*(read_lines(raw, name) for name in names)):
        if None in lines:
            counts = [sum(1 for _ in read_lines(raw, name)) for name in names]
            told = ", ".join(
                f"{raw / plain(n)} has {c:,}" for n, c in zip(names, counts, strict=True)
            )
            raise UserError(
                f"parallel files must have equal line counts: {told}; line i of each is one pair"
            )
        if skip and all(skip.search(line) for _, line in lines):
            continue
        (number, src), *targets = lines
        yield Row(number, src, [text for _, text in targets])


def read_moses(raw: Path, files: SplitFiles, entry: CatalogueEntry) -> Iterator[Row]:
    """The pairs in an archive of OPUS. Raises UserError where it lacks a language."""
    archive = str(files.file)
    names = member_names(raw / archive)
    sides = SplitFiles(
        src=f"{archive}/{_of_language(raw / plain(archive), names, entry.src_lang)}",
        tgt=f"{archive}/{_of_language(raw / plain(archive), names, entry.tgt_lang)}",
    )
    return read_parallel(raw, sides, several=False)


def _of_language(label: Path, names: list[str], language: str) -> str:
    found = [name for name in names if name.endswith(f".{language}")]
    if len(found) != 1:
        raise UserError(
            f"{label}: one file ending in .{language} is needed, and it has "
            f"{some(found or names)}; correct src_lang and tgt_lang, or name the files with the "
            "reader parallel_lines"
        )
    return found[0]
