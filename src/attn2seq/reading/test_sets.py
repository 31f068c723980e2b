"""Test sets as WMT, IWSLT and NIST give them out: segments in documents, with their references.

SGML, two files or more:   <srcset ...><doc docid="d"><seg id="1">Go!</seg>
                           <refset ...><doc docid="d" sysid="ref"><seg id="1">Los!</seg>
XML, one file:             <doc id="d"><src lang="en"><p><seg id="1">Go!</seg></p></src>
                           <ref lang="de" translator="A"><p><seg id="1">Los!</seg></p></ref>
                           Row(1, "Go!", ["Los!"]); the line is that of the source's <seg>

Such SGML has no closed list of tags, and bare ampersands in its texts: no parser of XML reads it.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from attn2seq.catalogue.entry import SplitFiles
from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.reading.lines import read_lines
from attn2seq.reading.row import Row

# The largest sets of WMT have 3 MB; these are held in memory.
MAX_SET_CHARACTERS = 16 << 20
_TAG = re.compile(r"<(/?)(srcset|refset|tstset|doc|src|ref|hyp|seg)(?=[\s>])([^<>]*)>", re.I)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_OTHER_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--[^<>]*-->")
# What XML escapes; `&copy` and other names of HTML are text.
_ESCAPE = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_SETS = {"srcset": "src", "src": "src", "refset": "ref", "ref": "ref"}

Place = tuple[str, str]  # document and segment


@dataclass
class _Set:
    """The segments of a source, or of one reference."""

    name: str
    segments: dict[Place, tuple[int, str]] = field(default_factory=dict)  # line and text


def read_test_set(raw: Path, files: SplitFiles, several: bool) -> Iterator[Row]:
    """The segments of the source in order, each with its references. Raises UserError."""
    if files.file is not None:
        sets = _sets(raw, files.file)
        sources, references = ([found for kind, found in sets if kind == k] for k in ("src", "ref"))
        label = f"{raw / plain(files.file)}"
        if not sources or not references:
            missing = "references" if sources else "sources"
            raise UserError(f"{label} has no {missing}: name both files, as src and tgt")
    else:
        label = f"{raw / plain(files.src)}"
        sources = [found for _, found in _sets(raw, str(files.src))]
        names = [str(files.tgt), *(files.references if several else [])]
        references = [found for name in names for _, found in _sets(raw, name)]
    if len(sources) > 1:
        raise UserError(f"{label} holds {len(sources)} sources ({sources[0].name}, ...)")
    kept = references if several else references[:1]
    for (document, segment), (line, src) in sources[0].segments.items():
        targets = []
        for reference in kept:
            found = reference.segments.get((document, segment))
            if found is None:
                raise UserError(
                    f"{label}, line {line}: segment {plain(segment)} of document "
                    f"{plain(document)} is missing in {reference.name}: both must have the same "
                    "documents and segments"
                )
            targets.append(found[1])
        yield Row(line, src, targets)


def _sets(raw: Path, name: str) -> list[tuple[str, _Set]]:
    """The sources and references of a file, by kind. Raises UserError."""
    label = f"{raw / plain(name)}"
    sets: dict[tuple[str, str], _Set] = {}
    kind = system = document = ""
    open_at: tuple[int, int, str] | None = None  # line, end of the tag, and segment
    line, seen = 1, 0
    text = _text(raw, name, label)
    for tag in _TAG.finditer(text):
        line, seen = line + text.count("\n", seen, tag.start()), tag.start()
        closes, element = bool(tag[1]), tag[2].lower()
        if element == "seg":
            at = f"{label}, line {line}"
            if closes != (open_at is not None):
                raise UserError(f"{at}: {_UNPAIRED[closes]}; the file is damaged")
            if not closes:
                segment = _attributes(tag[3]).get("id", "")
                if not segment or not kind or not document:
                    raise UserError(
                        f"{at}: a <seg> needs an id, and a <doc> with an id within a set of "
                        "sources or references"
                    )
                open_at = (line, tag.end(), segment)
                continue
            assert open_at is not None
            if kind in ("src", "ref"):
                found = sets.setdefault((kind, system), _Set(_called(label, kind, system)))
                place = (document, open_at[2])
                if place in found.segments:
                    raise UserError(
                        f"{label}, line {open_at[0]}: segment {plain(open_at[2])} of document "
                        f"{plain(document)} stands there twice"
                    )
                found.segments[place] = (open_at[0], _plain_text(text[open_at[1] : tag.start()]))
            open_at = None
        elif open_at is not None:
            raise UserError(f"{label}, line {open_at[0]}: the <seg> does not end")
        elif closes:
            kind = "" if element in ("src", "ref", "hyp") or element.endswith("set") else kind
            document = "" if element == "doc" else document
        elif element == "doc":
            given = _attributes(tag[3])
            document = given.get("docid") or given.get("id", "")
            if kind == "ref":
                system = given.get("sysid", system)
        else:
            given = _attributes(tag[3])
            kind = _SETS.get(element, "other")
            system = given.get("refid") or given.get("translator") or given.get("sysid", "")
            system = system if kind == "ref" else ""
    if open_at is not None:
        raise UserError(f"{label}, line {open_at[0]}: the <seg> does not end")
    if not sets:
        raise UserError(f"{label} has no segment of a source or reference; is it a test set?")
    return [(kind, found) for (kind, _), found in sets.items()]


_UNPAIRED = {True: "a </seg> without its <seg>", False: "a <seg> within another"}


def _text(raw: Path, name: str, label: str) -> str:
    lines, size = [], 0
    for _, line in read_lines(raw, name):
        lines.append(line)
        size += len(line) + 1
        if size > MAX_SET_CHARACTERS:
            raise UserError(f"{label} is longer than {MAX_SET_CHARACTERS:,} characters")
    return "\n".join(lines)


def _attributes(text: str) -> dict[str, str]:
    return {
        found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(text)
    }


def _called(label: str, kind: str, system: str) -> str:
    return f"{label}, {'source' if kind == 'src' else 'reference'} {plain(system)}".rstrip()


def _plain_text(text: str) -> str:
    return _ESCAPE.sub(lambda found: html.unescape(found[0]), _OTHER_TAG.sub("", text)).strip()
