"""Draw derivations from the phrasebook's grammar: both sides of a sentence at once.

A phrase is expanded from the top: a rule of its category is drawn among those that agree with what
is asked for, then its parts in turn. Where nothing agrees, the next rule is tried.
"""

import random
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from attn2seq.phrasebook.grammar import GrammarError
from attn2seq.phrasebook.lexicon import Word
from attn2seq.phrasebook.rules import LANGUAGES, Constraint, Grammar, Rule, overlap
from attn2seq.phrasebook.surface import finish_english, finish_german

ATTEMPTS = 500


class DeadEndError(Exception):
    """No rule and no word agrees with what is asked for; another choice above may."""


@dataclass(frozen=True)
class Sample:
    """A pair of sentences, the pairs of rules that made it, and whether it has a new name.

    `links` holds (outer rule, rule used directly in it); `new_name` is True where the sentence has
    a name that the lexicon keeps for test sentences.
    """

    en: str
    de: str
    links: frozenset[tuple[str, str]]
    new_name: bool


class Phrase:
    """An expanded phrase: the features it shows, and its texts by language and field."""

    def __init__(
        self, rule: str, features: dict[str, str], texts: dict[str, dict[str, str]]
    ) -> None:
        self.rule = rule
        self.features = features
        self.texts = texts

    def feature(self, name: str) -> str:
        return self.features.get(name, "")

    def text(self, language: str, field: str, features: Mapping[str, str]) -> str:
        return self.texts[language].get(field, "")


Node = Phrase | Word


class Sampler:
    """Draws sentence pairs, the same ones for the same `rng` state.

    With `new_names` the names kept for test sentences are drawn as well.
    """

    def __init__(self, grammar: Grammar, rng: random.Random, new_names: bool = False) -> None:
        self._grammar = grammar
        self._rng = rng
        self._new_names = new_names
        self._links: list[tuple[str, str]] = []
        self._words: list[Word] = []
        self._word_choices: dict[tuple[object, ...], tuple[list[Word], list[float]]] = {}
        self._rule_choices: dict[tuple[object, ...], list[Rule]] = {}
        self._asked = {
            category: sorted({name for rule in rules for name, _, _ in rule.requires})
            for category, rules in grammar.rules.items()
        }

    def draw(self) -> Sample:
        """One sentence pair. Raises GrammarError where the grammar yields none."""
        for _ in range(ATTEMPTS):
            self._links.clear()
            self._words.clear()
            try:
                phrase = self._phrase(self._grammar.start, {}, {})
            except DeadEndError:
                continue
            return Sample(
                finish_english(phrase.texts["en"][""]),
                finish_german(phrase.texts["de"][""]),
                frozenset(self._links),
                any(word.feature("only") for word in self._words),
            )
        raise GrammarError(
            f"the grammar yields no {self._grammar.start} in {ATTEMPTS} attempts: "
            "some rule asks for features that nothing has"
        )

    def _phrase(self, category: str, asked: dict[str, str], words: dict[str, Node]) -> Phrase:
        for name, value in self._grammar.defaults.get(category, {}).items():
            asked.setdefault(name, value)
        rules = self._rules(category, asked, words)
        while rules:
            weights = list(accumulate(rule.weight for rule in rules))
            rule = rules[self._index(weights)]
            marks = len(self._links), len(self._words)
            try:
                return self._apply(rule, asked, words)
            except DeadEndError:
                del self._links[marks[0] :], self._words[marks[1] :]
                rules = [other for other in rules if other is not rule]
        raise DeadEndError(category)

    def _rules(
        self, category: str, asked: Mapping[str, str], words: Mapping[str, Node]
    ) -> list[Rule]:
        given = tuple(_lookup(name, asked, words) for name in self._asked[category])
        key = (category, given)
        if key not in self._rule_choices:
            values = dict(zip(self._asked[category], given, strict=True))
            self._rule_choices[key] = [
                rule
                for rule in self._grammar.rules[category]
                if all(
                    _agrees(values[name], wanted, source[1])
                    for name, wanted, source in rule.requires
                )
            ]
        return self._rule_choices[key]

    def _apply(self, rule: Rule, asked: Mapping[str, str], words: dict[str, Node]) -> Phrase:
        features = self._own_features(rule, asked)
        nodes = dict(words)
        for name, part in rule.parts.items():
            wanted = self._resolve(part.constraints, features, nodes)
            if part.is_phrase:
                handed = {"V": nodes[part.word]} if part.word else {}
                request = {key: value for key, _, value in wanted if value}
                child = self._phrase(part.kind, request, handed)
                self._links.append((rule.name, child.rule))
                nodes[name] = child
            else:
                word = self._word(part.kind, wanted)
                self._words.append(word)
                nodes[name] = word
        for name, (part_name, value) in rule.gives.items():
            features[name] = (
                value
                if not part_name
                else (
                    features.get(value, "") if part_name == "$" else nodes[part_name].feature(value)
                )
            )
        return Phrase(rule.name, features, self._texts(rule, features, nodes))

    def _own_features(self, rule: Rule, asked: Mapping[str, str]) -> dict[str, str]:
        features = dict(asked)
        for name, wanted, (_, value) in rule.requires:
            if wanted and "." not in name:
                features[name] = overlap(value, asked[name]) if asked.get(name) else value
        for name, value in rule.let.items():
            if features.get(name) and not overlap(value, features[name]):
                raise DeadEndError(rule.name)
            features[name] = value
        for name, options in rule.choose.items():
            allowed = features.get(name)
            values = [value for value in options if not allowed or overlap(value, allowed)]
            if not values:
                raise DeadEndError(rule.name)
            weights = list(accumulate(options[value] for value in values))
            features[name] = values[self._index(weights)]
        return features

    def _resolve(
        self,
        constraints: tuple[Constraint, ...],
        features: Mapping[str, str],
        nodes: Mapping[str, Node],
    ) -> list[tuple[str, bool, str]]:
        resolved = []
        for name, wanted, (part_name, value) in constraints:
            if part_name == "$":
                value = features.get(value, "")
            elif part_name:
                value = nodes[part_name].feature(value)
            resolved.append((name, wanted, value))
        return resolved

    def _word(self, word_class: str, wanted: list[tuple[str, bool, str]]) -> Word:
        key = (word_class, *wanted)
        if key not in self._word_choices:
            found = [
                word
                for word in self._grammar.lexicon[word_class]
                if (self._new_names or not word.feature("only"))
                and all(
                    not value or bool(overlap(word.feature(name), value)) == agree
                    for name, agree, value in wanted
                )
            ]
            self._word_choices[key] = found, list(accumulate(word.weight for word in found))
        words, weights = self._word_choices[key]
        if not words:
            raise DeadEndError(word_class)
        return words[self._index(weights)]

    def _index(self, weights: list[float]) -> int:
        """An index drawn by cumulative weights."""
        return min(bisect(weights, self._rng.random() * weights[-1]), len(weights) - 1)

    def _texts(
        self, rule: Rule, features: Mapping[str, str], nodes: Mapping[str, Node]
    ) -> dict[str, dict[str, str]]:
        texts: dict[str, dict[str, str]] = {}
        for language in LANGUAGES:
            head = nodes[rule.head] if rule.head else None
            fields = dict(head.texts[language]) if isinstance(head, Phrase) else {}
            for name, template in rule.texts[language].items():
                fields[name] = "".join(
                    piece
                    if isinstance(piece, str)
                    else nodes[piece[0]].text(language, piece[1], features)
                    for piece in template
                )
            texts[language] = fields
        return texts


def _lookup(name: str, asked: Mapping[str, str], words: Mapping[str, Node]) -> str:
    part, dot, feature = name.partition(".")
    return words[part].feature(feature) if dot else asked.get(name, "")


def _agrees(given: str, wanted: bool, value: str) -> bool:
    return not given or bool(overlap(value, given)) == wanted
