"""JSON lines: an object per line, whose keys hold texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from attn2seq.catalogue.entry import Keys
from attn2seq.config import nearest, plain, some, unique_keys
from attn2seq.errors import UserError
from attn2seq.reading.row import Row


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# Numbers come as they are written, 1.50 and 1e400 too.
_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_keys, parse_int=str, parse_float=str, parse_constant=_no_number
)


def json_parser(keys: Keys, label: Path, several: bool) -> Callable[[int, str], Row]:
    """What makes a row of a line, by its number and text; raises UserError."""

    def parse(number: int, line: str) -> Row:
        at = f"{label}, line {number}"
        try:
            values = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            array = number == 1 and line.lstrip().startswith("[")
            hint = "; each line must hold one object, not all of them a list" if array else ""
            raise UserError(f"{at}: not JSON ({error}){hint}") from None
        if not isinstance(values, dict):
            raise UserError(f"{at}: must be a JSON object with keys, got {line[:40]!r}")
        src, tgt = (_only_text(values, key, at) for key in (keys.src, keys.tgt))
        more = [text for key in keys.references if several for text in _texts(values, key, at)]
        return Row(number, src, [tgt, *more])

    return parse


def _only_text(values: dict[str, object], key: str, at: str) -> str:
    texts = _texts(values, key, at)
    if len(texts) > 1:
        raise UserError(f"{at}: {key!r} holds {len(texts)} texts, but one is needed")
    return texts[0] if texts else ""


def _texts(values: dict[str, object], key: str, at: str) -> list[str]:
    """The texts at a key: a text or a number, several in a list, or none where it is null.

    A dot reaches into an object: `translation.en`, unless a key is spelt so.
    """
    outer, _, inner = key.partition(".")
    if key not in values and inner and isinstance(nested := values.get(outer), dict):
        return _texts(nested, inner, f"{at}, in {outer!r}")
    if key not in values:
        guess = nearest(key, list(values))
        hint = f"did you mean {plain(guess)}?" if guess else f"it has {some(values)}"
        raise UserError(f"{at}: the key {key!r} is missing ({hint})")
    value = values[key]
    items: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
    for item in items:
        if not isinstance(item, str):
            first = next(iter(item), None) if isinstance(item, dict) else None
            reach = f"; {key}.{first} reaches into it" if first else ""
            raise UserError(f"{at}: {key!r} must hold text, got {_kind(item)}{reach}")
        # JSON can spell half a character, which no text file can hold.
        if any("\ud800" <= character <= "\udfff" for character in item):
            raise UserError(
                f"{at}: {key!r} holds an escape from \\ud800 to \\udfff that is not half of a pair"
            )
    return items


def _kind(item: object) -> str:
    if isinstance(item, dict):
        return "an object"
    return "a list in a list" if isinstance(item, list) else json.dumps(item)
