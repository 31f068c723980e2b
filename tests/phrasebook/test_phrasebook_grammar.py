"""The grammar: what it may hold, what is said about faults, and that it is a plain SCFG."""

import shutil
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.phrasebook.grammar import GrammarError, load_grammar
from attn2seq.phrasebook.phrasebook import DATA, generate_samples, phrasebook_grammar
from attn2seq.phrasebook.rules import compile_rule, overlap


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the data files, to spoil."""
    return shutil.copytree(DATA, tmp_path / "data")


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_it_has_the_words_and_rules_that_are_promised() -> None:
    grammar = phrasebook_grammar()
    words = [word for word_class in grammar.lexicon.values() for word in word_class]
    assert len(words) - len(grammar.lexicon["name"]) >= 400
    assert sum(len(rules) for rules in grammar.rules.values()) >= 60


def test_categories_with_several_fields_never_contain_themselves() -> None:
    """So they can be written out into the rules around them: what remains is a plain SCFG."""
    rules = phrasebook_grammar().rules
    several = {
        category
        for category, members in rules.items()
        if any(set(fields) != {""} for rule in members for fields in rule.texts.values())
    }
    inner = {
        category: {
            part.kind
            for rule in rules[category]
            for part in rule.parts.values()
            if part.kind in several
        }
        for category in several
    }
    settled: set[str] = set()
    while len(settled) < len(several):
        ready = {category for category in several - settled if inner[category] <= settled}
        assert ready, f"these contain each other: {sorted(several - settled)}"
        settled |= ready


def test_overlap() -> None:
    assert overlap("sg pl", "pl") == "pl"
    assert overlap("person kin", "kin person") == "person kin"
    assert overlap("food", "drink") == ""


def test_notation() -> None:
    body = {
        "from": "NP[number=sg kind!=kin]",
        "weight": 2,
        "parts": {"S": "Subject[*own &N x=$y]", "G": "Verbs(V)[kind=a|b]"},
        "en": "the {S} {G.rest}",
        "de": {"subject": "{S}"},
    }
    rule = compile_rule("np", body, {"own": ["case"], "agreement": ["person"]})
    assert rule.requires == (("number", True, ("", "sg")), ("kind", False, ("", "kin")))
    assert rule.parts["S"].constraints == (
        ("case", True, ("$", "case")),
        ("person", True, ("N", "person")),
        ("x", True, ("$", "y")),
    )
    assert rule.parts["G"].word == "V"
    assert rule.parts["G"].constraints == (("kind", True, ("", "a b")),)
    assert rule.texts["en"] == {"": ("the ", ("S", ""), " ", ("G", "rest"))}
    assert rule.texts["de"] == {"subject": (("S", ""),)}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("grammar_sentences.yaml", "weight: 9", "wieght: 9", "unknown key wieght .* weight"),
        ("grammar_sentences.yaml", 'C: "Clause[', 'C: "Clauze[', "no Clauze .* Clause"),
        ("grammar_clauses.yaml", "verb[frame=own]", "verb[frame=wearing]",
         "clause-own: part V: no verb has frame=wearing"),
        ("grammar_clauses.yaml", "verb[frame=own]", "verb[fram=own]",
         "clause-own: part V: no verb has a feature fram .did you mean frame"),
        ("grammar_clauses.yaml", "{V.phrase}", "{V.prefixes}", "no form 'prefixes'"),
        ("grammar_clauses.yaml", "{G.rest} {T}", "{G.rest} {U}", "it has no part U"),
        ("grammar_clauses.yaml", "head: G", "head: H", "head: it has no part H"),
        ("grammar_nouns.yaml", "owner: N.sex", "owner: M.sex", "M.sex: it has no part M"),
        ("grammar_nouns.yaml", "Subject[who=same", "Subject[who:same", "lacks its =value"),
        ("grammar_clauses.yaml", "*subject]", "*sbject]", "is no group of features"),
        ("grammar.yaml", "report, clause-motion-city", "report, clause-city",
         "held_out: no rule clause-city"),
        ("grammar.yaml", "start:", "begin:", "lacks start"),
    ],
)  # fmt: skip
def test_a_fault_names_its_rule(data: Path, file: str, old: str, new: str, message: str) -> None:
    spoil(data, file, old, new)
    with pytest.raises(GrammarError, match=message):
        load_grammar(data)


def test_all_faults_are_reported_at_once(data: Path) -> None:
    spoil(data, "grammar_clauses.yaml", "head: G", "head: H")
    spoil(data, "grammar_nouns.yaml", "owner: N.sex", "owner: M.sex")
    with pytest.raises(GrammarError, match="2 errors"):
        load_grammar(data)


def test_a_source_with_two_targets_is_refused(data: Path) -> None:
    """A second entry for Monday makes the target a matter of chance."""
    path = data / "calendar.tsv"
    text = path.read_text(encoding="utf-8")
    days = ("Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    lines = [line for line in text.splitlines() if not line.startswith(days)]
    path.write_text("\n".join([*lines, "Monday\tDienstag\tweekday", ""]), encoding="utf-8")
    spoil(data, "grammar.yaml", "start: Sentence", "start: Short")
    rule = 'short:\n  from: Short\n  weight: 1\n  parts: {D: "calendar[slot=weekday]"}\n'
    rule += '  en: "it is {D} ."\n  de: "es ist {D} ."\n'
    (data / "grammar_short.yaml").write_text(rule, encoding="utf-8")
    with pytest.raises(GrammarError, match=r"two targets for one source: 'It is Monday\.'"):
        generate_samples(load_grammar(data), 1, {"train": 5})


def test_a_grammar_without_enough_sentences_says_so(data: Path) -> None:
    spoil(data, "grammar.yaml", "start: Sentence", "start: Short")
    rule = 'short:\n  from: Short\n  weight: 1\n  en: "it is me ."\n  de: "ich bin es ."\n'
    (data / "grammar_short.yaml").write_text(rule, encoding="utf-8")
    with pytest.raises(UserError, match=r"no new sentence in .* attempts: ask for fewer pairs"):
        generate_samples(load_grammar(data), 1, {"train": 2})


def test_a_grammar_without_any_sentence_says_so(data: Path) -> None:
    spoil(data, "grammar.yaml", "start: Sentence", "start: Short")
    rule = 'short:\n  from: Short\n  weight: 1\n  parts: {N: "noun[kind=$kind kind=person kind=room'
    rule += ']"}\n  en: "it is me ."\n  de: "ich bin es ."\n'
    (data / "grammar_short.yaml").write_text(rule, encoding="utf-8")
    with pytest.raises(GrammarError, match=r"yields no Short in .* attempts"):
        generate_samples(load_grammar(data), 1, {"train": 2})
