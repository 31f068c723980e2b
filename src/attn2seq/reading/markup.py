"""XML read piece by piece: elements as they begin and end, each with its line.

No tree is built, no entity is expanded but the five of XML, and nothing outside the file is read.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.reading.lines import MAX_LINE_BYTES, MAX_TEXT_BYTES, open_file
from attn2seq.reading.packing import DAMAGE, damage

# Elements within elements; each that is open is remembered.
MAX_DEPTH = 1000
_BLOCK_BYTES = 1 << 16


class Event(NamedTuple):
    """A tag, or text; names are without their namespace, so that `xml:lang` is `lang`."""

    kind: Literal["start", "end", "text"]
    name: str  # of the element; of text, the text
    attributes: Mapping[str, str]
    line: int


def xml_events(raw: Path, name: str) -> Iterator[Event]:
    """What a file holds, in order. Raises UserError with its line where it is no sound XML."""
    label = f"{raw / plain(name)}"
    target = _Target(label)
    parser: Any = DefusedXMLParser(target=target, forbid_dtd=False)
    target.place = parser.parser
    size = silent = 0
    with open_file(raw, name) as file:
        while True:
            try:
                block = cast(Any, file).read1(_BLOCK_BYTES)
            except (*DAMAGE, OSError) as error:
                raise damage(f"{label} is damaged or cut short", error) from None
            size, silent = size + len(block), silent + len(block)
            try:
                if block:
                    parser.feed(block)
                elif size:
                    parser.close()
            except ParseError as error:
                yield from target.events
                raise _not_xml(label, error) from None
            except DefusedXmlException:
                at = f"{label}, line {parser.parser.CurrentLineNumber}"
                raise UserError(
                    f"{at}: declares an entity, which is not read; write the text out instead"
                ) from None
            except (ValueError, LookupError) as error:
                raise UserError(f"{label}: its encoding cannot be read ({error})") from None
            if target.events:
                yield from target.events
                target.events, silent = [], 0
            if size > MAX_TEXT_BYTES or silent > MAX_LINE_BYTES:
                limit = MAX_TEXT_BYTES if size > MAX_TEXT_BYTES else MAX_LINE_BYTES
                what = "unpacks to" if size > MAX_TEXT_BYTES else "has a tag of"
                raise UserError(f"{label} {what} more than {limit:,} bytes")
            if not block:
                break
    if not size:
        raise UserError(f"{label} is empty")


def _not_xml(label: str, error: ParseError) -> UserError:
    line, column = error.position
    reason = str(error).partition(":")[0]
    return UserError(
        f"{label}, line {line}: not XML at position {column + 1} ({reason}): the file is damaged "
        "or cut short, or an & or < within a text is not written &amp; or &lt;"
    )


class _Target:
    """Takes what the parser finds."""

    def __init__(self, label: str) -> None:
        self.events: list[Event] = []
        self.place: Any = None
        self._label, self._depth = label, 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            at = f"{self._label}, line {self.place.CurrentLineNumber}"
            raise UserError(f"{at}: nested more than {MAX_DEPTH:,} elements deep")
        local = {_local(name): value for name, value in attributes.items()}
        self.events.append(Event("start", _local(tag), local, self.place.CurrentLineNumber))

    def end(self, tag: str) -> None:
        self._depth -= 1
        self.events.append(Event("end", _local(tag), {}, self.place.CurrentLineNumber))

    def data(self, text: str) -> None:
        self.events.append(Event("text", text, {}, self.place.CurrentLineNumber))

    def close(self) -> None:
        pass


@lru_cache  # there are few, and each comes many times
def _local(name: str) -> str:
    return name.rpartition("}")[2]
