"""German inflection for the phrasebook: declension and conjugation.

    a:  der alte Mann, ein alter Mann, mit altem Käse   (weak, mixed, strong)
    b:  rufe an, angerufen, anzurufen                   (from `an|rufen`)

Regular forms follow from the infinitive, the gender and the plural; the lexicon names the others.
"""

from collections.abc import Mapping

CASES = ("nom", "acc", "dat", "gen")

# Endings in the order of CASES, by gender; the plural has one row for all genders.
DER_WORD = {
    "m": ("er", "en", "em", "es"),
    "f": ("e", "e", "er", "er"),
    "n": ("es", "es", "em", "es"),
    "pl": ("e", "e", "en", "er"),
}
EIN_WORD = {**DER_WORD, "m": ("", "en", "em", "es"), "n": ("", "", "em", "es")}
DEFINITE = {
    "m": ("er", "en", "em", "es"),
    "f": ("ie", "ie", "er", "er"),
    "n": ("as", "as", "em", "es"),
    "pl": ("ie", "ie", "en", "er"),
}
# The relative pronoun differs from the article in the dative plural and the genitive.
RELATIVE = {**DEFINITE, "pl": ("ie", "ie", "enen", "eren")}
STRONG = {
    "m": ("er", "en", "em", "en"),
    "f": ("e", "e", "er", "er"),
    "n": ("es", "es", "em", "en"),
    "pl": ("e", "e", "en", "er"),
}
WEAK = {
    "m": ("e", "en", "en", "en"),
    "f": ("e", "e", "en", "en"),
    "n": ("e", "e", "en", "en"),
    "pl": ("en", "en", "en", "en"),
}
MIXED = {**WEAK, "m": ("er", "en", "en", "en"), "n": ("es", "es", "en", "en")}

DETERMINER_ENDINGS = {
    "definite": DEFINITE,
    "relative": RELATIVE,
    "der": DER_WORD,
    "ein": EIN_WORD,
    "strong": STRONG,
}
ADJECTIVE_ENDINGS = {
    "definite": WEAK,
    "der": WEAK,
    "ein": MIXED,
    "strong": STRONG,
    "none": STRONG,
}
PERSONS = {"sg1": "e", "sg2": "st", "sg3": "t", "pl1": "en", "pl2": "t", "pl3": "en"}
UNSTRESSED = ("be", "ver", "er", "ent", "ge", "zer", "emp", "wider", "über", "unter")


def _row(features: Mapping[str, str]) -> str:
    return "pl" if features["number"] == "pl" else features["gender"]


def noun_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A noun by case and number; `singular` is its plain form, `feminine` a woman's profession."""
    if form == "singular":
        return word["de"]
    if form == "feminine":
        return word["feminine"]
    case, declension = features["case"], word["declension"]
    if features["number"] == "pl":
        stem = word["de_plural"]
        return stem + ("n" if case == "dat" and not stem.endswith(("n", "s")) else "")
    if declension.startswith("weak "):
        return word["de"] + ("" if case == "nom" else declension.removeprefix("weak -"))
    if case == "gen" and word["gender"] != "f":
        return word["de"] + (declension.removeprefix("-") or "s")
    return word["de"]


def determiner_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """An article, possessive, demonstrative or relative pronoun: `d` -> der, `mein` -> meinem."""
    endings = DETERMINER_ENDINGS[word["pattern"]]
    return word["de"] + endings[_row(features)][CASES.index(features["case"])]


def adjective_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """An adjective with the ending that the determiner before it (`pattern`) leaves to it.

    The form `predicate` has no ending, `more` is the comparative.
    """
    if form == "predicate":
        return word["de"]
    if form == "more":
        return word["more_de"] or (word["stem"] or word["de"]) + "er"
    endings = ADJECTIVE_ENDINGS[features["pattern"]]
    stem = word["stem"] or word["de"].removesuffix("e")
    return stem + endings[_row(features)][CASES.index(features["case"])]


def pronoun_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A personal pronoun by case, or `reflexive`."""
    return word["reflexive"] if form == "reflexive" else word[features["case"]]


def name_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A name, or its genitive: `Anna` -> `Annas`, `Felix` -> `Felix'`."""
    name = word["en"]
    if form != "genitive":
        return name
    return name + ("'" if name.endswith(("s", "x", "z", "ß")) else "s")


def auxiliary_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """An auxiliary by person and number; the third person plural is the first."""
    if features["number"] == "pl":
        return word["wir"]
    return word[{"1": "ich", "2": "du", "3": "er"}[features["person"]]]


def verb_form(word: Mapping[str, str], form: str, features: Mapping[str, str]) -> str:
    """A verb as present (without its prefix), prefix, infinitive, zu, participle, imperative."""
    prefix, _, root = word["de"].rpartition("|")
    if form == "prefix":
        return prefix
    if form == "infinitive":
        return prefix + root
    if form == "zu":
        return f"{prefix}zu{root}" if prefix else f"zu {root}"
    if form == "participle":
        return prefix + (word["participle"] or _participle(root))
    if form == "imperative":
        return word["imperative"] or _imperative(root, word["present"])
    return _present(root, word["present"], features["person"], features["number"])


def _stem(infinitive: str) -> str:
    """`rufen` -> `ruf`, `bügeln` -> `bügel`."""
    return infinitive.removesuffix("en") if infinitive.endswith("en") else infinitive[:-1]


def _needs_e(stem: str) -> bool:
    """Whether an e stands before -st and -t: `arbeit-et`, `zeichn-et`, but `lern-t`, `wohn-t`."""
    if stem.endswith(("t", "d")):
        return True
    return stem[-1] in "nm" and (stem[-2] not in "aeiouäöülrhnm" or stem[-3:-1] == "ch")


def _present(root: str, irregular: str, person: str, number: str) -> str:
    if number == "pl":
        return root
    forms = irregular.split()
    if len(forms) == 3:
        return forms[int(person) - 1]
    if forms and person != "1":
        return forms[int(person) - 2]
    stem = _stem(root)
    if person == "1":
        return (stem[:-2] + "l" if root.endswith("eln") else stem) + "e"
    if _needs_e(stem):
        return stem + ("est" if person == "2" else "et")
    if person == "2" and not stem.endswith(("s", "ß", "z", "x")):
        return stem + "st"
    return stem + "t"


def _participle(root: str) -> str:
    """The weak participle: `kaufen` -> `gekauft`, `reparieren` -> `repariert`."""
    stem = _stem(root)
    ending = "et" if _needs_e(stem) else "t"
    silent = root.endswith("ieren") or stem.startswith(UNSTRESSED)
    return f"{'' if silent else 'ge'}{stem}{ending}"


def _imperative(root: str, irregular: str) -> str:
    """To one person: `kauf`, `warte`; a stem in e that turns to i keeps it: `nimm`, `lies`."""
    stem = _stem(root)
    third = irregular.split()[-1] if irregular else ""
    if third and not set("äöü") & set(third) - set(stem):
        return third.removesuffix("t")
    if root.endswith("eln"):
        return stem[:-2] + "le"
    return stem + ("e" if _needs_e(stem) or stem.endswith(("dig", "er")) else "")
