"""Sentences of known build: what German does with their order and agreement."""

import random
import re

import pytest

from attn2seq.phrasebook.derivation import Sample, Sampler
from attn2seq.phrasebook.phrasebook import phrasebook_grammar

HOURS_EN = [
    "one", "two", "three", "four", "five", "six",
    "seven", "eight", "nine", "ten", "eleven", "twelve",
]  # fmt: skip
HOURS_DE = [
    "eins", "zwei", "drei", "vier", "fünf", "sechs",
    "sieben", "acht", "neun", "zehn", "elf", "zwölf",
]  # fmt: skip


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    sampler = Sampler(phrasebook_grammar(), random.Random(9))
    return [sampler.draw() for _ in range(15_000)]


def with_rules(samples: list[Sample], *rules: str) -> list[Sample]:
    """The samples in whose derivation all of these rules occur."""
    found = [
        sample
        for sample in samples
        if set(rules) <= {name for pair in sample.links for name in pair}
    ]
    assert found
    return found


def test_a_fronted_adverb_comes_before_the_finite_verb(samples: list[Sample]) -> None:
    for sample in with_rules(samples, "fronted-time", "when-weekday", "verbs-future"):
        if ("fronted-time", "when-weekday") in sample.links:
            assert re.match(r"Am \w+ (werde|wirst|wird|werden) ", sample.de), sample


def test_a_reported_clause_ends_in_its_finite_verb(samples: list[Sample]) -> None:
    for sample in with_rules(samples, "report", "verbs-future", "clause-motion-city"):
        if ("report", "clause-motion-city") in sample.links:
            assert re.search(r", dass .* nach \w+ \w+ (werde|wirst|wird|werden)\.$", sample.de)


def test_separable_verbs_part_and_meet(samples: list[Sample]) -> None:
    text = "\n".join(sample.de for sample in samples)
    assert re.search(r"\bruft .* an[.,]", text)
    assert re.search(r", (dass|der|die|warum|wenn|wie oft) .* (anruft|abfährt|mitnimmt)[.,]", text)
    assert "angerufen" in text
    assert "anzurufen" in text
    assert not re.search(r"\ban ruft\b|\ban zu rufen\b", text)


def test_progressive_is_gerade(samples: list[Sample]) -> None:
    for sample in with_rules(samples, "verbs-progressive"):
        assert "gerade" in sample.de
        assert re.search(r"ing\b", sample.en)


def test_half_past_three_is_half_four(samples: list[Sample]) -> None:
    hours = dict(zip(HOURS_EN, HOURS_DE, strict=True))
    after = dict(zip(HOURS_EN, HOURS_DE[1:] + HOURS_DE[:1], strict=True))
    for sample in with_rules(samples, "clock-half"):
        spoken = re.findall(r"alf past (\w+)", sample.en)
        assert re.findall(r"halb (\w+)", sample.de) == [after[hour] for hour in spoken]
    for sample in with_rules(samples, "clock-quarter-to"):
        spoken = re.findall(r"uarter to (\w+)", sample.en)
        assert re.findall(r"Viertel vor (\w+)", sample.de) == [hours[hour] for hour in spoken]
    for sample in with_rules(samples, "clock-full"):
        assert ("one o'clock" in sample.en) == ("um ein Uhr" in sample.de.replace("Um", "um"))


def test_units_come_before_tens(samples: list[Sample]) -> None:
    entries = phrasebook_grammar().lexicon["number"]
    units = {word.columns["en"]: word.columns["joined"] for word in entries}
    tens = {word.columns["en"]: word.columns["de"] for word in entries}
    for sample in with_rules(samples, "number-compound"):
        for ten, unit in re.findall(r"(\w+)-(\w+) (?:years|euros)", sample.en):
            assert f" {units[unit]}und{tens[ten]} " in sample.de, sample


def test_no_marks_of_the_grammar_are_left(samples: list[Sample]) -> None:
    for sample in samples:
        for text in (sample.en, sample.de):
            assert not re.search(r"[~{}$|]|  | [,.?!]|,[.,]", text), text
            assert text[0].isupper()
            assert text[-1] in ".?!"


def test_preposition_and_article_melt_but_not_in_relative_clauses(samples: list[Sample]) -> None:
    text = "\n".join(sample.de for sample in samples)
    assert not re.search(r"(?<!, )\b(zu|von|an) dem\b|\bzu der\b|(?<!, )\bin dem\b", text)
    assert re.search(r", in dem \w+", text)


def test_it_is_er_sie_or_es_as_the_noun_wants(samples: list[Sample]) -> None:
    genders = {
        word.columns["en"]: word.columns["gender"] for word in phrasebook_grammar().lexicon["noun"]
    }
    pronouns = {"m": "er", "f": "sie", "n": "es"}
    checked = 0
    for sample in with_rules(samples, "pronoun-good"):
        match = re.search(r"(\w+) because it was so", sample.en)
        if match and match[1] in genders:
            assert f", weil {pronouns[genders[match[1]]]} so " in sample.de, sample
            checked += 1
    assert checked > 50


def test_same_random_state_gives_the_same_sentences() -> None:
    first, second = (Sampler(phrasebook_grammar(), random.Random(2)) for _ in range(2))
    assert [first.draw() for _ in range(50)] == [second.draw() for _ in range(50)]
