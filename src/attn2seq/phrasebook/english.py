"""English inflection for the phrasebook: the form of a word by number, person and case.

    third_person("watch")  -> "watches"
    ing_form("dance")      -> "dancing"

Regular forms follow from spelling; the lexicon names the irregular ones. A verb of several words
is inflected in its first word: `get up` -> `gets up`; `|` marks a particle that an object pronoun
comes before (`switch|on` -> `switches it on`).
"""

from collections.abc import Mapping

VOWELS = "aeiou"
SIBILANTS = ("s", "x", "z", "ch", "sh")


def plural(noun: str) -> str:
    """The regular plural: `box` -> `boxes`, `cherry` -> `cherries`."""
    return third_person(noun)


def third_person(verb: str) -> str:
    """The regular third person: `wash` -> `washes`, `carry` -> `carries`, `go` -> `goes`."""
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ies"
    if verb.endswith(SIBILANTS) or verb in ("go", "do"):
        return verb + "es"
    return verb + "s"


def past_form(verb: str) -> str:
    """The regular past and participle: `smoke` -> `smoked`, `try` -> `tried`."""
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ied"
    return verb + "ed"


def ing_form(verb: str) -> str:
    """The regular -ing form: `bake` -> `baking`, `argue` -> `arguing`, `see` -> `seeing`."""
    if verb.endswith("e") and verb[-2] not in "eo":
        return verb[:-1] + "ing"
    return verb + "ing"


def comparative(adjective: str) -> str:
    """The regular comparative: `old` -> `older`, `nice` -> `nicer`, `lazy` -> `lazier`."""
    if adjective.endswith("y"):
        return adjective[:-1] + "ier"
    return adjective + ("r" if adjective.endswith("e") else "er")


def noun_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A noun by `number`, or the form `singular`."""
    if form == "" and features["number"] == "pl":
        return word["plural"] or plural(word["en"])
    return word["en"]


def verb_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A verb as base, present, past, participle, ing; or the particle that it carries."""
    head, _, particle = word["en"].partition("|")
    if form == "particle":
        return particle
    first, _, rest = head.partition(" ")
    past, _, participle = word["forms"].partition(" ")
    third_singular = features.get("person") == "3" and features.get("number") == "sg"
    have = {"have": "has", "be": "is"}
    forms = {
        "base": first,
        "present": have.get(first, third_person(first)) if third_singular else first,
        "past": past or past_form(first),
        "participle": participle or past_form(first),
        "ing": word["ing"] or ing_form(first),
    }
    return f"{forms[form]} {rest}".rstrip()


def auxiliary_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """An auxiliary by person and number: `be` -> am, is, are."""
    if features["number"] == "sg" and features["person"] == "3":
        return word["en_sg3"] or word["en"]
    if features["number"] == "sg" and features["person"] == "1":
        return word["en_sg1"] or word["en"]
    return word["en"]


def pronoun_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A personal pronoun by case: `she` as subject, `her` as object."""
    return word["en"] if features["case"] == "nom" else word["en_object"]


def adjective_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """An adjective, or its comparative as form `more` (`more_en`: blank, `more`, or the form)."""
    if form != "more":
        return word["en"]
    if word["more_en"] == "more":
        return f"more {word['en']}"
    return word["more_en"] or comparative(word["en"])
