"""Strict settings: a mapping becomes frozen records, or one error that lists every fault.

validate({"decode": DecodeSettings}, {"decode": {"beem_size": 5}})
ConfigError: params.yaml has 2 errors:
  decode.beem_size: unknown key (did you mean decode.beam_size?)
  decode.beam_size: missing; ...
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.reader import ReaderError

from attn2seq.errors import UserError

# Bounds on a settings file, far above any that a person writes.
MAX_YAML_BYTES = 256 << 10
MAX_YAML_DEPTH = 50
MAX_DIGITS = 300
_SHOWN_CHARACTERS = 80
# By what a fault of YAML's syntax says; the first that fits.
_REMEDIES = {
    "character '\\t'": "indent with spaces, not with a tab",
    "cannot start any token": "put the value in quotes",
    "mapping values are not allowed": (
        "a line is `key: value`, indented like the other keys of its section; here or in the line "
        "above something is too much or missing, and text with a colon needs quotes"
    ),
    "expected <block end>": "indent it like the other keys of the section that begins {}",
    "unexpected end of stream": "close the quote that was opened {}",
    "could not find expected ':'": "a line is `key: value`, and this or the one above has no colon",
    "expected ',' or": "close the bracket that was opened {}",
    "unknown escape": "a backslash in double quotes is written twice",
    "duplicate key": "leave one of the two out",
}
_MERGE_MARKS = (
    "<<<<<<< is the mark of a merge that git could not finish: keep one of the two sides and "
    "remove the marks, or take a whole side with `git checkout --ours {0}` (or --theirs)"
)
_COMPARED_NAMES, _COMPARED_CHARACTERS = 1000, 200


class ConfigError(UserError):
    """Settings that cannot be used; the message lists every fault found."""


class Settings(BaseModel):
    """A frozen section of settings: no unknown keys, no silent conversion of kinds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def validate(
    sections: Mapping[str, type[Settings]], values: Mapping[str, Any], source: str
) -> dict[str, Settings]:
    """Check each named section of `values`; raises ConfigError with all faults of all sections."""
    records, faults = collect_faults(sections, values)
    if faults:
        raise ConfigError(format_faults(source, faults))
    return records


def collect_faults(
    sections: Mapping[str, type[Settings]], values: Mapping[str, Any]
) -> tuple[dict[str, Settings], list[str]]:
    """The records of the sound sections, and a line for each fault.

    Keys of `values` that are not in `sections` are left to the caller.
    """
    records: dict[str, Settings] = {}
    faults: list[str] = []
    for name, kind in sections.items():
        section = values.get(name)
        if name not in values:
            faults.append(f"{name}: the section is missing")
        elif not isinstance(section, Mapping):
            faults.append(f"{name}: must be a section with keys, but is {shown(section)}")
        else:
            try:
                records[name] = kind.model_validate(dict(section))
            except ValidationError as error:
                keys = list(kind.model_fields)
                faults += [_describe(name, keys, section, item) for item in error.errors()]
    return records, faults


def format_faults(source: str, faults: list[str]) -> str:
    """One message for a list of faults.

    `format_faults("params.yaml", ["a: missing"])` gives `params.yaml has 1 error:`, then a line
    for each.
    """
    count = f"{len(faults)} error" + ("s" if len(faults) > 1 else "")
    return "\n".join([f"{source} has {count}:", *(f"  {fault}" for fault in faults)])


def nearest(word: str, known: list[str]) -> str | None:
    """The known word most like the given one, or None where none is alike.

    `nearest("beem_size", ["beam_size", "nbest"])` gives `"beam_size"`. An archive may hold a
    million names, and a header a name of a million letters: only few and short ones are compared.
    """
    short = [name for name in known[:_COMPARED_NAMES] if len(name) <= _COMPARED_CHARACTERS]
    found = difflib.get_close_matches(str(word)[:_COMPARED_CHARACTERS], short, n=1, cutoff=0.6)
    return found[0] if found else None


def some(names: Iterable[str]) -> str:
    """The first ten names, for a message: there may be a million."""
    names = list(names)
    shown_names = ", ".join(plain(str(name)[:_SHOWN_CHARACTERS]) for name in names[:10])
    return shown_names + (", ..." if len(names) > 10 else "") or "nothing"


def plain(name: object) -> str:
    """A name as a message shows it: what would move the text or the cursor is escaped.

    A line feed comes as a backslash and an n.
    """
    text = str(name)
    return text if text.isprintable() else repr(text)[1:-1]


def shown(value: object) -> str:
    """A value as a message shows it: cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def flat_params(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested params under dotted names, written as in params.yaml.

    `{"train": {"seed": 1, "schedule": {"warmup": 4000}}}` gives
    `{"train.seed": "1", "train.schedule.warmup": "4000"}`.
    """
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flat_params(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[f"{prefix}{key}"] = text
    return flat


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `object_pairs_hook`.

    Raises ValueError where a key occurs twice, since one of its values would be lost.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shown(twice)} occurs twice")
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read as DVC reads it (YAML 1.2). Raises ConfigError.

    Every value stands where it belongs, in plain sight: anchors and aliases (`&name`, `*name`),
    merged keys (`<<`), tags (`!!name`) and dates are refused, as are keys that stand twice or are
    no text.
    """
    values = _parsed(path, _PlainComposer)
    if not isinstance(values, dict):
        held = "nothing" if values is None else shown(values)
        raise ConfigError(
            f"{path} must hold a mapping of keys to values, a line `key: value` for each, but it "
            f"holds {held}"
        )
    return values


def check_yaml(path: Path) -> None:
    """Raises ConfigError where the file is no YAML, with the line and the remedy."""
    _parsed(path, Composer)


def _parsed(path: Path, composer: type[Composer]) -> Any:
    text = _read_text(path)
    if merge := re.search(r"^<{7} ", text, re.MULTILINE):
        number = text.count("\n", 0, merge.start()) + 1
        raise ConfigError(f"{path}, line {number}: {_MERGE_MARKS.format(path)}")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = composer
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(
            f"{path}, line {line}: {plain(error.problem or 'not YAML')}{_remedy(error)}"
        ) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}, line {line}: the character {error.character:#06x} is not allowed in YAML"
        ) from None
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {plain(error)}") from None


def _remedy(error: MarkedYAMLError) -> str:
    """What to do about the usual slips, which the parser names by what it met."""
    begun = f"in line {error.context_mark.line + 1}" if error.context_mark else "before"
    found = (remedy for words, remedy in _REMEDIES.items() if words in str(error.problem))
    return "".join(f": {remedy.format(begun)}" for remedy in list(found)[:1])


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_YAML_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_YAML_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_YAML_BYTES:,} bytes; it must hold settings")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: not UTF-8 text (byte 0x{content[error.start]:02x}); save the "
            "file as UTF-8"
        ) from None


class _PlainComposer(Composer):
    """Takes plain keys and values alone, and raises ComposerError at the line of any other.

    An alias can make a small file fill the memory, and a value that is changed through one changes
    elsewhere too.
    """

    _depth = 0

    def get_single_node(self) -> Any:
        try:
            return super().get_single_node()
        except (ValueError, OverflowError) as error:  # of an escape that names no character
            _refuse(f"not YAML ({error})", self.loader.reader.get_mark())

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if event.anchor is not None:
            mark = "*" if isinstance(event, AliasEvent) else "&"
            _refuse(f"write the value out in each place, without {mark}{event.anchor}", event)
        if event.tag is not None:
            _refuse(f"leave the tag {event.tag} out; put text in quotes", event)
        self._depth += 1
        if self._depth > MAX_YAML_DEPTH:
            _refuse(f"nested more than {MAX_YAML_DEPTH} levels deep", event)
        node = super().compose_node(parent, index)
        self._depth -= 1
        is_key = isinstance(parent, MappingNode) and index is None
        if isinstance(node, ScalarNode):
            _check_scalar(node, is_key)
        elif is_key:
            _refuse("a key must be text", node)
        return node


def _check_scalar(node: Any, is_key: bool) -> None:
    kind = str(node.tag).rpartition(":")[2]
    if kind == "merge":
        _refuse("write the keys out instead of merging them with <<", node)
    if is_key and kind != "str":
        _refuse(f"the key {shown(node.value)} is not text in YAML; put it in quotes", node)
    if kind not in ("str", "int", "float", "bool", "null"):
        _refuse(f"{shown(node.value)} is a {kind} in YAML; put it in quotes", node)
    if kind == "int" and len(node.value) > MAX_DIGITS:
        _refuse(f"a number of {len(node.value):,} digits", node)
    # An escape in double quotes can spell half a character, which no file can hold.
    if any("\ud800" <= character <= "\udfff" for character in node.value):
        _refuse("an escape from \\ud800 to \\udfff that is not half of a pair", node)


def _refuse(fault: str, place: Any) -> NoReturn:
    """`place` is a mark, or an event or node that has one."""
    raise ComposerError(None, None, fault, getattr(place, "start_mark", place))


def _describe(section: str, keys: list[str], values: Mapping[str, Any], error: ErrorDetails) -> str:
    """One fault of one section in a user's words."""
    path = ".".join([section, *(plain(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        guess = nearest(str(error["loc"][-1]), [key for key in keys if key not in values] or keys)
        return f"{path}: unknown key" + (
            f" (did you mean {section}.{guess}?)" if guess else f" (known: {', '.join(keys)})"
        )
    if error["type"] == "missing":
        return f"{path}: missing"
    if error["type"] == "value_error":
        text = str(error["ctx"]["error"])
        return f"{path}: {text}"
    return f"{path}: {error['msg'][0].lower()}{error['msg'][1:]}, got {shown(error['input'])}"
