"""A rule of the phrasebook's grammar, compiled from its YAML.

    np-definite:
      from: NP[number=sg]
      parts: {D: "determiner[type=definite]", N: "noun[kind=$kind]"}
      set: {gender: N.gender}
      en: "{D} {N}"
      de: "{D} {N}"

docs/phrasebook.md explains the notation. A feature's value is a string of values apart by spaces;
two values agree where they share one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from attn2seq.config import nearest
from attn2seq.phrasebook.lexicon import Word

LANGUAGES = ("en", "de")
RULE_KEYS = ("from", "weight", "choose", "let", "parts", "set", "head", "en", "de")
PART = re.compile(r"^(\w+)(?:\((\w+)\))?(?:\[(.*)\])?$")
SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")

# A constraint: feature, whether values must agree (True) or differ (False), and the value's source:
# ("", "sg pl") a literal, ("$", "kind") the rule's own feature, ("N", "kind") a part's feature.
Constraint = tuple[str, bool, tuple[str, str]]
# A template: literal text, or (part, field).
Template = tuple[str | tuple[str, str], ...]


@dataclass(frozen=True)
class Part:
    """A part of a rule: its category or word class, what it is asked for, the word handed on."""

    kind: str
    constraints: tuple[Constraint, ...]
    word: str | None

    @property
    def is_phrase(self) -> bool:
        return self.kind[0].isupper()


@dataclass(frozen=True)
class Rule:
    """One compiled rule; the fields are those of the YAML."""

    name: str
    category: str
    requires: tuple[Constraint, ...]
    weight: float
    choose: dict[str, dict[str, float]]
    let: dict[str, str]
    parts: dict[str, Part]
    gives: dict[str, tuple[str, str]]
    head: str | None
    texts: dict[str, dict[str, Template]]


@dataclass(frozen=True)
class Grammar:
    """Its rules by category, its words by class, and what holds for all of them.

    `defaults` gives, by category, the features that a part is asked for where its rule is silent;
    `held_out` the pairs (rule, rule used directly in it) that are kept for test sentences.
    """

    start: str
    defaults: dict[str, dict[str, str]]
    rules: dict[str, list[Rule]]
    lexicon: dict[str, list[Word]]
    held_out: frozenset[tuple[str, str]]


@cache
def overlap(first: str, second: str) -> str:
    """The values that two features share: `overlap("sg pl", "pl")` is `"pl"`."""
    if first == second:
        return first
    values = second.split()
    return " ".join(value for value in first.split() if value in values)


def compile_rule(name: str, body: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Rule:
    """A rule from its YAML. Raises ValueError, KeyError, TypeError where that is no rule."""
    unknown = [key for key in body if key not in RULE_KEYS]
    if unknown:
        guess = nearest(unknown[0], list(RULE_KEYS))
        raise ValueError(
            f"unknown key {unknown[0]}" + (f" (did you mean {guess}?)" if guess else "")
        )
    missing = [key for key in ("from", "weight", "en", "de") if key not in body]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    own = _parse_part(str(body["from"]), groups)
    return Rule(
        name=name,
        category=own.kind,
        requires=own.constraints,
        weight=float(body["weight"]),
        choose={
            key: {str(k): float(w) for k, w in values.items()}
            for key, values in body.get("choose", {}).items()
        },
        let={key: str(value) for key, value in body.get("let", {}).items()},
        parts={key: _parse_part(text, groups) for key, text in body.get("parts", {}).items()},
        gives={key: _source(str(value)) for key, value in body.get("set", {}).items()},
        head=body.get("head"),
        texts={language: _templates(body[language]) for language in LANGUAGES},
    )


def _templates(sides: str | Mapping[str, str]) -> dict[str, Template]:
    fields = {"": sides} if isinstance(sides, str) else dict(sides)
    return {name: _template(text) for name, text in fields.items()}


def _template(text: str) -> Template:
    pieces: list[str | tuple[str, str]] = []
    end = 0
    for match in SLOT.finditer(text):
        pieces += [text[end : match.start()], (match[1], match[2] or "")]
        end = match.end()
    pieces.append(text[end:])
    return tuple(piece for piece in pieces if piece)


def _source(text: str) -> tuple[str, str]:
    if text.startswith("$"):
        return "$", text[1:]
    part, dot, feature = text.partition(".")
    return (part, feature) if dot else ("", text.replace("|", " "))


def _parse_part(text: str, groups: Mapping[str, list[str]]) -> Part:
    match = PART.match(text)
    if not match:
        raise ValueError(f"{text!r} is no Category[feature=value ...]")
    constraints: list[Constraint] = []
    for item in (match[3] or "").split():
        if item.startswith("*"):
            if item[1:] not in groups:
                raise ValueError(f"{item!r} in {text!r} is no group of features")
            constraints += [(name, True, ("$", name)) for name in groups[item[1:]]]
        elif item.startswith("&"):
            constraints += [(name, True, (item[1:], name)) for name in groups["agreement"]]
        else:
            name, equals, value = item.partition("=")
            if not equals:
                raise ValueError(f"{item!r} in {text!r} lacks its =value")
            constraints.append((name.removesuffix("!"), not name.endswith("!"), _source(value)))
    return Part(match[1], tuple(constraints), match[2])
