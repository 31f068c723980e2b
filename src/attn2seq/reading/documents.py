"""Folders of documents: one text a file, with sections that begin with a line `@name`.

A file such as "See you at ten.\\n\\n@subject\\nMeeting\\n\\n@ann0\\nmeeting at ten" has the
sections body, subject and ann0. keys: {src: body, tgt: subject, references: [ann0]} make it
                            Row(1, "See you at ten.", ["Meeting", "meeting at ten"])
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from attn2seq.catalogue.entry import Keys
from attn2seq.config import nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.archives import members_in
from attn2seq.reading.lines import MAX_LINE_BYTES, decoded_lines
from attn2seq.reading.row import Row

BODY = "body"  # what stands before the first section
_HEADING = re.compile(r"@(\w+)\s*")


def read_documents(
    raw: Path, archive: str, folder: str, keys: Keys, several: bool
) -> Iterator[Row]:
    """The documents of a folder in an archive, in the archive's order, read in one pass.

    Raises UserError, naming the document and the line.
    """
    wanted = [keys.src, keys.tgt, *(keys.references if several else [])]
    label, number = f"{raw / plain(archive)}", 0
    with ExitStack() as stack:
        for name, file in members_in(stack, raw / archive, folder):
            number += 1
            sections = _sections(file, f"{label}/{plain(name)}", set(wanted))
            src, *targets = (_section(sections, key, f"{label}/{plain(name)}") for key in wanted)
            yield Row(number, src, targets)


def _sections(file: object, label: str, wanted: set[str]) -> dict[str, str]:
    sections: dict[str, list[str]] = {BODY: []}
    current, size = BODY, 0
    for number, line in decoded_lines(file, label, MAX_LINE_BYTES):  # type: ignore[arg-type]
        heading = _HEADING.fullmatch(line)
        # A lone @name may also be a line of the text.
        if heading and heading[1] in wanted:
            current = heading[1]
            if current in sections and (current != BODY or sections[BODY]):
                raise UserError(f"{label}, line {number}: the section @{current} occurs twice")
            sections[current] = []
            continue
        sections[current].append(line)
        size += len(line)
        if size > MAX_LINE_BYTES:
            raise UserError(f"{label}, line {number}: more than {MAX_LINE_BYTES:,} characters")
    return {name: "\n".join(lines).strip() for name, lines in sections.items()}


def _section(sections: dict[str, str], key: str, label: str) -> str:
    if key not in sections:
        guess = nearest(key, list(sections))
        hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(sections)}"
        raise UserError(f"{label}: the section @{plain(key)} is missing ({hint})")
    return sections[key]
