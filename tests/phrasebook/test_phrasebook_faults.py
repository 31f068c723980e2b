"""A rule's references: sound ones pass, and each that leads nowhere is named."""

from typing import Any

import pytest

from attn2seq.phrasebook.faults import rule_faults
from attn2seq.phrasebook.lexicon import Word
from attn2seq.phrasebook.rules import Grammar, compile_rule

GROUPS = {"agreement": ["person", "number"], "own": ["who"]}
NOUNS = ({"en": "dog", "kind": "animal"}, {"en": "cup", "kind": "thing dish", "note": "x"})
RULES: dict[str, dict[str, Any]] = {
    "np": {
        "from": "NP[number=sg]", "weight": 1, "parts": {"N": "noun[kind=$kind]"},
        "en": "the {N}", "de": {"": "{N}", "short": "{N.note}"},
    },
    "np-outer": {
        "from": "Outer", "weight": 1, "parts": {"P": "NP"}, "head": "P", "en": "{P}", "de": "{P}",
    },
    "s": {
        "from": "S", "weight": 1, "parts": {"N": "noun[kind=animal]", "P": "NP[number=sg &N *own]"},
        "set": {"kind": "N.kind", "who": "$who"}, "head": "P",
        "en": "{P} {N} {V.base}", "de": "{P.short}",
    },
}  # fmt: skip


CIRCLE = {"from": "NP", "weight": 1, "parts": {"P": "NP"}, "head": "P", "en": "{P}", "de": "{P}"}


def faults(name: str, np: dict[str, Any] = RULES["np"], **changes: Any) -> list[str]:
    """Of one rule, in a grammar where it is changed, and perhaps the rule of NP."""
    bodies = RULES | {"np": np} | {name: RULES[name] | changes}
    rules = {key: compile_rule(key, body, GROUPS) for key, body in bodies.items()}
    by_category = {"NP": [rules["np"]], "Outer": [rules["np-outer"]], "S": [rules["s"]]}
    verb = Word("verb", {"en": "go", "de": "gehen"}, "verbs.tsv, line 2 (go)")
    lexicon = {"noun": [Word("noun", dict(noun), "") for noun in NOUNS], "verb": [verb]}
    grammar = Grammar("S", {"NP": {"definite": "yes"}}, by_category, lexicon, frozenset())
    return rule_faults(rules[name], grammar)


@pytest.mark.parametrize("name", list(RULES))
def test_sound_rules(name: str) -> None:
    assert faults(name) == []


def test_heads_in_a_circle_have_no_field() -> None:
    found = faults("s", np=CIRCLE, parts={"N": "noun", "P": "NP"}, set={}, de="{P.long}")
    assert found == ["s: de: no rule of NP has a field 'long'"]


@pytest.mark.parametrize("constraint", ["definite=no", "number=pl", "kind=thing", "case=acc"])
def test_what_a_phrase_may_be_asked_for(constraint: str) -> None:
    """A default, what its rules require or choose from, and what words are inflected by."""
    assert faults("s", parts={"N": "noun", "P": f"NP[{constraint}]"}) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"parts": {"N": "nuon", "P": "NP"}}, "part N: no nuon (did you mean noun?)"),
        ({"parts": {"N": "noun", "P": "Xyzzy"}}, "part P: no Xyzzy"),
        (
            {"parts": {"N": "noun[kin=animal]", "P": "NP"}},
            "part N: no noun has a feature kin (did you mean kind?)",
        ),
        (
            {"parts": {"N": "noun", "P": "NP[defnite=yes]"}},
            "part P: no NP has a feature defnite (did you mean definite?)",
        ),
        ({"parts": {"N": "noun[kind=anmal]", "P": "NP"}}, "part N: no noun has kind=anmal"),
        ({"set": {"kind": "M.kind"}}, "M.kind: it has no part M"),
        ({"head": "Q"}, "head: it has no part Q"),
        ({"en": "{Q}"}, "en: it has no part Q"),
        ({"de": {"": "{P}", "x": "{N.plural}"}}, "de: a noun has no form 'plural'"),
        ({"de": "{V.bass}"}, "de: a verb has no form 'bass'"),
        ({"de": "{P.long}"}, "de: no rule of NP has a field 'long'"),
        # The short form is German alone.
        ({"en": "{P.short}"}, "en: no rule of NP has a field 'short'"),
    ],
)
def test_a_fault(changes: dict[str, Any], fault: str) -> None:
    assert faults("s", **changes) == [f"s: {fault}"]


def test_a_field_is_handed_up_through_a_head() -> None:
    parts = {"N": "noun", "P": "Outer"}
    assert faults("s", parts=parts) == []
    assert faults("s", parts=parts, de="{P.long}") == ["s: de: no rule of Outer has a field 'long'"]


def test_a_value_that_no_word_may_have_can_still_be_excluded() -> None:
    assert faults("s", parts={"N": "noun[kind!=anmal]", "P": "NP"}) == []


def test_every_fault_of_a_rule_is_told() -> None:
    assert faults("s", head="Q", en="{R}", set={"a": "T.b"}) == [
        "s: T.b: it has no part T",
        "s: head: it has no part Q",
        "s: en: it has no part R",
    ]
