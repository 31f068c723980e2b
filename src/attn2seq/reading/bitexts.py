"""TMX and XLIFF, the formats of translators' tools: units with a text in each language.

<tu><tuv xml:lang="en-GB"><seg>Save <bpt i="1">&lt;b&gt;</bpt>all<ept i="1">&lt;/b&gt;</ept></seg>
</tuv><tuv xml:lang="de"><seg>Alles sichern</seg></tuv></tu>
                            Row(1, "Save all", ["Alles sichern"]); the line is that of <tu>
inline_tags: keep           Row(1, "Save <bpt>all<ept>", ["Alles sichern"])
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.config import plain, some
from attn2seq.errors import UserError
from attn2seq.reading.languages import language_of
from attn2seq.reading.lines import MAX_LINE_BYTES
from attn2seq.reading.markup import Event, xml_events
from attn2seq.reading.row import Row

# Elements within a text that stand for a code, whose content is no text.
_CODES = frozenset(["bpt", "ept", "it", "ph", "ut", "x", "bx", "ex", "sc", "ec", "cp", "sm", "em"])
# Those that mark a stretch of text and format nothing.
_MARKS = frozenset(("mrk", "sm", "em"))


class _Text:
    """Collects the text of an element, event by event."""

    def __init__(self, label: str, keep: bool) -> None:
        self._label, self._keep = label, keep
        self._pieces: list[str] = []
        self._size = self._in_code = 0

    def take(self, event: Event) -> None:
        """Raises UserError where the text is endless."""
        if event.kind == "text":
            if not self._in_code:
                self._pieces.append(event.name)
                self._size += len(event.name)
            if self._size > MAX_LINE_BYTES:
                raise UserError(
                    f"{self._label}, line {event.line}: a text longer than {MAX_LINE_BYTES:,} "
                    "characters"
                )
            return
        starts, shown = event.kind == "start", self._keep and event.name not in _MARKS
        if event.name in _CODES or self._in_code:
            if starts and shown and not self._in_code:
                self._pieces.append(f"<{event.name}>")
            self._in_code += 1 if starts else -1
        elif shown:
            self._pieces.append(f"<{event.name}>" if starts else f"</{event.name}>")

    def __str__(self) -> str:
        return "".join(self._pieces)


@dataclass
class _Unit:
    line: int
    texts: list[tuple[str, str]] = field(default_factory=list)  # language and text


def read_tmx(raw: Path, name: str, entry: CatalogueEntry, several: bool) -> Iterator[Row]:
    """The units of a translation memory; of several targets the further ones are references.

    Languages match by their code: `en` any English, `en-GB` that alone. Raises UserError.
    """
    label = f"{raw / plain(name)}"
    found = False
    for unit in tmx_units(raw, name, entry.inline_tags == "keep"):
        found = True
        sides = [_in_language(unit, wanted) for wanted in (entry.src_lang, entry.tgt_lang)]
        if all(sides):
            (src, *_), targets = sides
            yield Row(unit.line, src, targets if several else targets[:1])
        elif not entry.skip_other_languages:
            raise _other_languages(f"{label}, line {unit.line}: the unit", unit.texts, entry)
    if not found:
        raise UserError(f"{label} holds no unit (<tu>)")


def tmx_units(raw: Path, name: str, keep: bool = False) -> Iterator[_Unit]:
    """All units in all their languages. Raises UserError."""
    label = f"{raw / plain(name)}"
    unit = text = None
    language, line, size = "", 0, 0
    events = xml_events(raw, name)
    _check_root(label, next(events, None), "tmx")
    for event in events:
        if text is not None and not (event.kind == "end" and event.name == "seg"):
            text.take(event)
        elif event.kind == "start" and event.name == "tu":
            unit, size = _Unit(event.line), 0
        elif event.kind == "start" and event.name == "tuv":
            language, line = event.attributes.get("lang", ""), event.line
            if not language:
                raise UserError(f"{label}, line {line}: <tuv> names no language (xml:lang)")
        elif event.kind == "start" and event.name == "seg":
            text = _Text(label, keep)
        elif event.kind == "end" and event.name == "seg":
            if unit is None or not language:
                raise UserError(f"{label}, line {event.line}: <seg> lies outside <tu> and <tuv>")
            unit.texts.append((language, str(text)))
            text, size = None, size + len(unit.texts[-1][1]) + 1
            if size > MAX_LINE_BYTES:
                raise UserError(
                    f"{label}, line {event.line}: a unit longer than {MAX_LINE_BYTES:,} characters"
                )
        elif event.kind == "end" and event.name == "tu" and unit is not None:
            yield unit
            unit, language = None, ""


def read_xliff(raw: Path, name: str, entry: CatalogueEntry) -> Iterator[Row]:
    """The units of XLIFF 1.2 or 2: sources and their targets, empty where none is there yet.

    A file of the other direction is read backwards. Raises UserError.
    """
    label = f"{raw / plain(name)}"
    events = xml_events(raw, name)
    root = next(events, None)
    _check_root(label, root, "xliff")
    languages = _languages({}, root)
    within: list[str] = []
    texts: dict[str, str] = {}
    text, depth, line, found = None, 0, 0, False
    for event in events:
        if text is not None:
            depth += {"start": 1, "end": -1, "text": 0}[event.kind]
            if depth:
                text.take(event)
            else:
                texts[event.name], text = str(text), None
        elif event.kind == "start" and event.name in ("source", "target") and within[-1:] in _UNITS:
            text, depth = _Text(label, entry.inline_tags == "keep"), 1
        elif event.kind == "start":
            within.append(event.name)
            if event.name == "file":
                languages = _languages(languages, event)
            elif [event.name] in _UNITS:
                texts, line = {}, event.line
        elif event.kind == "end" and within:
            within.pop()
            if [event.name] in _UNITS and "source" in texts:
                found = True
                pair = _in_direction(f"{label}, line {line}", languages, texts, entry)
                if pair is not None:
                    yield Row(line, pair[0], [pair[1]])
    if not found:
        raise UserError(f"{label} holds no unit with a <source>")


_UNITS = (["trans-unit"], ["segment"])  # of XLIFF 1.2, and of XLIFF 2


def _check_root(label: str, root: Event | None, name: str) -> None:
    if root is None or root.name != name:
        given = f"<{plain(root.name)}>" if root else "nothing"
        raise UserError(f"{label} is not {name.upper()}: it begins with {given}, not <{name}>")


def _languages(known: Mapping[str, str], event: Event | None) -> dict[str, str]:
    """Those that a <file> of XLIFF 1.2, or <xliff> of XLIFF 2, names; `known` ones stand above."""
    named = event.attributes if event else {}
    return {
        "source": named.get("source-language") or named.get("srcLang") or known.get("source", ""),
        "target": named.get("target-language") or named.get("trgLang") or known.get("target", ""),
    }


def _in_direction(
    at: str, languages: Mapping[str, str], texts: Mapping[str, str], entry: CatalogueEntry
) -> tuple[str, str] | None:
    """The texts in the entry's languages; None for other languages that may be left out."""
    src, tgt = texts["source"], texts.get("target", "")
    forwards, backwards = (
        # A file that is not translated yet need not name what it is translated to.
        all(not named or _match(named, wanted) for named, wanted in zip(given, sides, strict=True))
        for given in [(languages["source"], languages["target"])]
        for sides in ((entry.src_lang, entry.tgt_lang), (entry.tgt_lang, entry.src_lang))
    )
    if forwards or backwards:
        return (src, tgt) if forwards else (tgt, src)
    if entry.skip_other_languages:
        return None
    named = [(language, "") for language in languages.values()]
    raise _other_languages(f"{at}: the file", named, entry)


def _in_language(unit: _Unit, wanted: str) -> list[str]:
    """The texts whose language fits best, in their order."""
    fits = [_match(language, wanted) for language, _ in unit.texts]
    best = max(fits, default=0)
    return [text for fit, (_, text) in zip(fits, unit.texts, strict=True) if best and fit == best]


@lru_cache
def _match(named: str, wanted: str) -> int:
    """2 for the same language and region, 1 for the language where one names no region, else 0."""
    one, other = (code.strip().lower().replace("_", "-") for code in (named, wanted))
    if one == other:
        return 2
    primary, region = one.partition("-")[0], one.partition("-")[2]
    other_primary, other_region = other.partition("-")[0], other.partition("-")[2]
    same = primary == other_primary or (language_of(primary) or "") == language_of(other_primary)
    return int(same and not (region and other_region and region != other_region))


def _other_languages(whose: str, texts: list[tuple[str, str]], entry: CatalogueEntry) -> UserError:
    given = some(dict.fromkeys(language for language, _ in texts if language)) or "none"
    return UserError(
        f"{whose} has the languages {given}, but the entry wants {entry.src_lang} and "
        f"{entry.tgt_lang}; correct src_lang and tgt_lang, or set skip_other_languages: true to "
        "leave such units out"
    )
