"""A rule's YAML, compiled piece by piece, and what is said of one that is no rule."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn2seq.phrasebook.rules import Part, compile_rule, overlap

BODY: dict[str, Any] = {"from": "NP", "weight": 1, "en": "it", "de": "es"}
GROUPS = {"agreement": ["person", "number"], "subject": ["who"]}
VALUES = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True).map(" ".join)


def test_the_smallest_rule() -> None:
    rule = compile_rule("pro", BODY, {})
    assert (rule.name, rule.category, rule.weight) == ("pro", "NP", 1.0)
    assert (rule.requires, rule.parts, rule.gives, rule.head) == ((), {}, {}, None)
    assert rule.texts == {"en": {"": ("it",)}, "de": {"": ("es",)}}


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("number=sg", ("number", True, ("", "sg"))),
        ("number=sg|pl", ("number", True, ("", "sg pl"))),
        ("kind!=kin", ("kind", False, ("", "kin"))),
        ("kind=$kind", ("kind", True, ("$", "kind"))),
        ("kind!=$other", ("kind", False, ("$", "other"))),
        ("gender=N.gender", ("gender", True, ("N", "gender"))),
    ],
)
def test_a_constraint(text: str, constraint: object) -> None:
    rule = compile_rule("np", BODY | {"parts": {"D": f"determiner[{text}]"}}, GROUPS)
    assert rule.parts["D"] == Part("determiner", (constraint,), None)  # type: ignore[arg-type]


def test_a_group_and_an_agreement_stand_for_several() -> None:
    rule = compile_rule("s", BODY | {"parts": {"V": "VP(W)[*subject &S x=y]"}}, GROUPS)
    assert rule.parts["V"].word == "W"
    assert rule.parts["V"].constraints == (
        ("who", True, ("$", "who")),
        ("person", True, ("S", "person")),
        ("number", True, ("S", "number")),
        ("x", True, ("", "y")),
    )


def test_phrases_are_capital() -> None:
    assert Part("NP", (), None).is_phrase
    assert not Part("noun", (), None).is_phrase


def test_choices_and_what_a_rule_gives() -> None:
    rule = compile_rule(
        "np",
        BODY
        | {
            "choose": {"number": {"sg": 3, "pl": 1}},
            "let": {"person": 3},
            "set": {"gender": "N.gender", "who": "$who", "number": "sg|pl"},
            "head": "N",
        },
        {},
    )
    assert rule.choose == {"number": {"sg": 3.0, "pl": 1.0}}
    assert rule.let == {"person": "3"}
    assert rule.gives == {"gender": ("N", "gender"), "who": ("$", "who"), "number": ("", "sg pl")}
    assert rule.head == "N"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("", ()),
        ("{N}", (("N", ""),)),
        ("the {D} {N.plural}s", ("the ", ("D", ""), " ", ("N", "plural"), "s")),
        ("{A}{B}", (("A", ""), ("B", ""))),
        ("{ no slot }", ("{ no slot }",)),
    ],
)
def test_a_template(text: str, template: object) -> None:
    assert compile_rule("np", BODY | {"en": text}, {}).texts["en"] == {"": template}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wieght": 1}, r"^unknown key wieght \(did you mean weight\?\)$"),
        ({"xyzzy": 1}, "^unknown key xyzzy$"),
        ({"from": "NP[number"}, r"^'NP\[number' is no Category\[feature=value \.\.\.\]$"),
        ({"from": "NP[number:sg]"}, r"^'number:sg' in 'NP\[number:sg\]' lacks its =value$"),
        ({"from": "NP[*own]"}, r"^'\*own' in 'NP\[\*own\]' is no group of features$"),
        ({"weight": "heavy"}, "could not convert string to float: 'heavy'"),
    ],
)
def test_no_rule(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_rule("np", BODY | changes, GROUPS)


def test_all_that_is_missing_is_told() -> None:
    with pytest.raises(ValueError, match=r"^missing: from, weight, de$"):
        compile_rule("np", {"en": "it"}, {})


@given(VALUES, VALUES)
def test_overlap_is_the_intersection_in_the_order_of_the_first(first: str, second: str) -> None:
    expected = [value for value in first.split() if value in set(second.split())]
    assert overlap(first, second).split() == expected
    assert set(overlap(second, first).split()) == set(expected)
