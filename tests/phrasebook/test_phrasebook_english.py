"""English inflection: regular spelling, irregular entries, verbs of several words."""

import pytest

from attn2seq.phrasebook import english

SHE = {"person": "3", "number": "sg"}
THEY = {"person": "3", "number": "pl"}


@pytest.mark.parametrize(
    ("base", "third", "past", "ing"),
    [
        ("watch", "watches", "watched", "watching"),
        ("carry", "carries", "carried", "carrying"),
        ("play", "plays", "played", "playing"),
        ("bake", "bakes", "baked", "baking"),
        ("argue", "argues", "argued", "arguing"),
        ("miss", "misses", "missed", "missing"),
    ],
)
def test_regular_verbs(base: str, third: str, past: str, ing: str) -> None:
    assert english.third_person(base) == third
    assert english.past_form(base) == past
    assert english.ing_form(base) == ing


def test_a_verb_of_several_words_is_inflected_in_the_first() -> None:
    word = {"en": "get up", "forms": "got got", "ing": "getting"}
    forms = [english.verb_form(word, form, SHE) for form in ("present", "past", "ing", "base")]
    assert forms == ["gets up", "got up", "getting up", "get up"]
    assert english.verb_form(word, "present", THEY) == "get up"


def test_a_movable_particle_stands_by_itself() -> None:
    word = {"en": "take|along", "forms": "took taken", "ing": ""}
    assert english.verb_form(word, "participle", SHE) == "taken"
    assert english.verb_form(word, "particle", SHE) == "along"
    assert english.verb_form(word, "ing", SHE) == "taking"


def test_plurals() -> None:
    assert english.noun_form({"en": "cherry", "plural": ""}, "", THEY) == "cherries"
    assert english.noun_form({"en": "knife", "plural": "knives"}, "", THEY) == "knives"
    assert english.noun_form({"en": "knife", "plural": "knives"}, "singular", THEY) == "knife"


def test_comparatives() -> None:
    forms = {
        "old": "",
        "friendly": "",
        "big": "bigger",
        "polite": "more",
    }
    made = [
        english.adjective_form({"en": word, "more_en": more}, "more", {})
        for word, more in forms.items()
    ]
    assert made == ["older", "friendlier", "bigger", "more polite"]


def test_auxiliaries_and_pronouns_agree() -> None:
    be = {"en": "are", "en_sg3": "is", "en_sg1": "am"}
    persons = [("1", "sg"), ("2", "sg"), ("3", "sg"), ("3", "pl")]
    forms = [english.auxiliary_form(be, "", {"person": p, "number": n}) for p, n in persons]
    assert forms == ["am", "are", "is", "are"]
    she = {"en": "she", "en_object": "her"}
    assert english.pronoun_form(she, "", {"case": "nom"}) == "she"
    assert english.pronoun_form(she, "", {"case": "dat"}) == "her"
