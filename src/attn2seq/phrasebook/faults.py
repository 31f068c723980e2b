"""What a rule of the phrasebook names that does not exist: parts, categories, features, forms.

    np-definite: part D: no determiner has type=definit
    clause-own: de: a verb has no form 'prefixx'

A misspelt feature would otherwise only make sentences rarer, without a word.
"""

from collections.abc import Iterator

from attn2seq.config import nearest
from attn2seq.phrasebook.rules import Grammar, Part, Rule, Template, overlap

# Features that words are inflected by; any rule may hand them on.
INFLECTING = frozenset({"case", "number", "gender", "person", "pattern"})
# The part that a rule does not list itself: the word handed to it.
HANDED = Part("verb", (), None)


def rule_faults(rule: Rule, grammar: Grammar) -> list[str]:
    """The rule's faults, each with its name before it."""
    faults = [fault for name, part in rule.parts.items() for fault in _part(name, part, grammar)]
    if not faults:
        faults = [*_sources(rule), *_texts(rule, grammar)]
    return [f"{rule.name}: {fault}" for fault in faults]


def _part(name: str, part: Part, grammar: Grammar) -> Iterator[str]:
    known = list(grammar.rules if part.is_phrase else grammar.lexicon)
    if part.kind not in known:
        guess = nearest(part.kind, known)
        yield f"part {name}: no {part.kind}" + (f" (did you mean {guess}?)" if guess else "")
        return
    features = _features(part, grammar)
    for feature, wanted, (source, value) in part.constraints:
        # A feature that a group hands on may mean nothing to this category.
        handed_on = (source, value) == ("$", feature)
        if feature not in features and not handed_on:
            guess = nearest(feature, sorted(features))
            yield f"part {name}: no {part.kind} has a feature {feature}" + (
                f" (did you mean {guess}?)" if guess else ""
            )
        elif not source and wanted and not part.is_phrase:
            words = grammar.lexicon[part.kind]
            if not any(overlap(word.feature(feature), value) for word in words):
                yield f"part {name}: no {part.kind} has {feature}={value}"


def _features(part: Part, grammar: Grammar) -> set[str]:
    if not part.is_phrase:
        return {column for word in grammar.lexicon[part.kind] for column in word.columns}
    names = set(INFLECTING) | set(grammar.defaults.get(part.kind, {}))
    for rule in grammar.rules[part.kind]:
        names.update(feature for feature, _, _ in rule.requires)
        names.update(rule.choose, rule.let)
        sources = [source for inner in rule.parts.values() for _, _, source in inner.constraints]
        names.update(feature for own, feature in sources if own == "$")
    return names


def _sources(rule: Rule) -> Iterator[str]:
    sources = [source for part in rule.parts.values() for _, _, source in part.constraints]
    for part_name, feature in [*sources, *rule.gives.values()]:
        if part_name not in ("", "$", "V") and part_name not in rule.parts:
            yield f"{part_name}.{feature}: it has no part {part_name}"
    if rule.head is not None and rule.head not in rule.parts:
        yield f"head: it has no part {rule.head}"


def _texts(rule: Rule, grammar: Grammar) -> Iterator[str]:
    for language, fields in rule.texts.items():
        for template in fields.values():
            for fault in _slots(template, rule, grammar, language):
                yield f"{language}: {fault}"


def _slots(template: Template, rule: Rule, grammar: Grammar, language: str) -> Iterator[str]:
    for piece in template:
        if isinstance(piece, str):
            continue
        name, slot = piece
        part = rule.parts.get(name) or (HANDED if name == "V" else None)
        if part is None:
            yield f"it has no part {name}"
        elif part.is_phrase:
            inner = grammar.rules[part.kind]
            if not any(_has_field(grammar, child, language, slot) for child in inner):
                yield f"no rule of {part.kind} has a field {slot!r}"
        elif not any(word.has_field(language, slot) for word in grammar.lexicon[part.kind]):
            yield f"a {part.kind} has no form {slot!r}"


def _has_field(
    grammar: Grammar, rule: Rule, language: str, slot: str, seen: frozenset[str] = frozenset()
) -> bool:
    """Whether the rule, or the head it leads to, has the field; heads may form a circle."""
    if slot in rule.texts[language]:
        return True
    if rule.head is None:
        return False
    # A head that does not exist is a fault of its own.
    head = rule.parts.get(rule.head)
    if head is None:
        return True
    if head.kind in seen:
        return False
    seen |= {head.kind}
    return any(
        _has_field(grammar, child, language, slot, seen)
        for child in grammar.rules.get(head.kind, [])
    )
