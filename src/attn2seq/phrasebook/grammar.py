"""The phrasebook's grammar and lexicon, read and checked as a whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.config import format_faults, read_yaml
from attn2seq.errors import UserError
from attn2seq.phrasebook.faults import rule_faults
from attn2seq.phrasebook.lexicon import load_lexicon
from attn2seq.phrasebook.rules import Grammar, Rule, compile_rule

HEADER = ("start", "groups", "defaults", "held_out")


class GrammarError(UserError):
    """The phrasebook's data files contradict themselves; the message names each rule at fault."""


def load_grammar(folder: Path) -> Grammar:
    """Read `grammar.yaml`, the rules in `grammar_*.yaml` beside it, and the lexicon.

    Raises GrammarError with every fault found: unknown keys, categories, features, parts, fields.
    """
    header = read_yaml(folder / "grammar.yaml")
    missing = [key for key in HEADER if key not in header]
    if missing:
        raise GrammarError(f"{folder / 'grammar.yaml'} lacks {', '.join(missing)}")
    rules, faults = _compile_all(folder, header["groups"])
    held_out = frozenset((outer, inner) for outer, inner in header["held_out"])
    faults += [
        f"held_out: no rule {name}"
        for pair in sorted(held_out)
        for name in pair
        if name not in rules
    ]
    by_category: dict[str, list[Rule]] = {}
    for rule in rules.values():
        by_category.setdefault(rule.category, []).append(rule)
    grammar = Grammar(
        header["start"], header["defaults"], by_category, load_lexicon(folder), held_out
    )
    faults += [fault for rule in rules.values() for fault in rule_faults(rule, grammar)]
    if faults:
        raise GrammarError(format_faults(str(folder), faults))
    return grammar


def _compile_all(
    folder: Path, groups: Mapping[str, list[str]]
) -> tuple[dict[str, Rule], list[str]]:
    rules: dict[str, Rule] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("grammar_*.yaml")):
        bodies: dict[str, Any] = read_yaml(path)
        for name, body in bodies.items():
            if name in rules:
                faults.append(f"{name}: in {path.name} and in another file")
                continue
            try:
                rules[name] = compile_rule(name, body, groups)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                faults.append(f"{name}: {error}")
    return rules, faults
