"""Strict settings: a mapping becomes frozen records, or one error that lists every fault.

validate({"decode": DecodeSettings}, {"decode": {"beem_size": 5}})
ConfigError: params.yaml has 2 faults:
  decode.beem_size: unknown key (did you mean decode.beam_size?)
  decode.beam_size: missing; ...
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from attn2seq.errors import UserError


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
            faults.append(f"{name}: the section must hold keys, but has {section!r}")
        else:
            try:
                records[name] = kind.model_validate(dict(section))
            except ValidationError as error:
                keys = list(kind.model_fields)
                faults += [_describe(name, keys, section, item) for item in error.errors()]
    return records, faults


def format_faults(source: str, faults: list[str]) -> str:
    """One message for a list of faults.

    `format_faults("params.yaml", ["a: missing"])` gives `params.yaml has 1 fault:`, then a line
    for each.
    """
    count = f"{len(faults)} fault" + ("s" if len(faults) > 1 else "")
    return "\n".join([f"{source} has {count}:", *(f"  {fault}" for fault in faults)])


def nearest(word: str, known: list[str]) -> str | None:
    """The known word most like the given one, or None where none is alike.

    `nearest("beem_size", ["beam_size", "nbest"])` gives `"beam_size"`.
    """
    found = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    return found[0] if found else None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read as DVC reads it (YAML 1.2). Raises ConfigError."""
    try:
        values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(f"{path}, line {line}: {error.problem or 'not YAML'}") from None
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold a mapping of keys to values")
    return values


def _describe(section: str, keys: list[str], values: Mapping[str, Any], error: ErrorDetails) -> str:
    """One fault of one section in a user's words."""
    path = ".".join([section, *(str(part) for part in error["loc"])])
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
    return f"{path}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"
