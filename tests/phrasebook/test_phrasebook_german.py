"""German inflection against the tables of a grammar book."""

import pytest

from attn2seq.phrasebook import german

CASES = ("nom", "acc", "dat", "gen")


def decline(kind: str, pattern: str, gender: str, number: str) -> list[str]:
    """Determiner and adjective (alt) before a noun of that gender, by case."""
    determiner = {"definite": "d", "der": "dies", "ein": "mein", "strong": "viel"}.get(pattern, "")
    forms = []
    for case in CASES:
        features = {"pattern": pattern, "case": case, "number": number, "gender": gender}
        words = [german.adjective_form({"de": "alt", "stem": ""}, "", features)]
        if determiner:
            columns = {"de": determiner, "pattern": pattern}
            words.insert(0, german.determiner_form(columns, "", features))
        forms.append(" ".join(words))
    return forms


@pytest.mark.parametrize(
    ("pattern", "gender", "number", "expected"),
    [
        ("definite", "m", "sg", "der alte, den alten, dem alten, des alten"),
        ("definite", "f", "sg", "die alte, die alte, der alten, der alten"),
        ("definite", "n", "sg", "das alte, das alte, dem alten, des alten"),
        ("definite", "m", "pl", "die alten, die alten, den alten, der alten"),
        ("der", "m", "sg", "dieser alte, diesen alten, diesem alten, dieses alten"),
        ("der", "n", "sg", "dieses alte, dieses alte, diesem alten, dieses alten"),
        ("der", "f", "pl", "diese alten, diese alten, diesen alten, dieser alten"),
        ("ein", "m", "sg", "mein alter, meinen alten, meinem alten, meines alten"),
        ("ein", "f", "sg", "meine alte, meine alte, meiner alten, meiner alten"),
        ("ein", "n", "sg", "mein altes, mein altes, meinem alten, meines alten"),
        ("ein", "n", "pl", "meine alten, meine alten, meinen alten, meiner alten"),
        ("strong", "f", "pl", "viele alte, viele alte, vielen alten, vieler alter"),
        ("none", "m", "sg", "alter, alten, altem, alten"),
        ("none", "f", "sg", "alte, alte, alter, alter"),
        ("none", "n", "sg", "altes, altes, altem, alten"),
        ("none", "n", "pl", "alte, alte, alten, alter"),
    ],
)
def test_determiner_and_adjective_share_the_ending(
    pattern: str, gender: str, number: str, expected: str
) -> None:
    assert decline("alt", pattern, gender, number) == expected.split(", ")


@pytest.mark.parametrize(
    ("de", "plural", "gender", "declension", "singular", "dative_plural"),
    [
        ("Mann", "Männer", "m", "-es", "Mann Mann Mann Mannes", "Männern"),
        ("Lehrer", "Lehrer", "m", "", "Lehrer Lehrer Lehrer Lehrers", "Lehrern"),
        ("Junge", "Jungen", "m", "weak -n", "Junge Jungen Jungen Jungen", "Jungen"),
        ("Student", "Studenten", "m", "weak -en", "Student Studenten Studenten Studenten",
         "Studenten"),
        ("Frau", "Frauen", "f", "", "Frau Frau Frau Frau", "Frauen"),
        ("Auto", "Autos", "n", "", "Auto Auto Auto Autos", "Autos"),
        ("Buch", "Bücher", "n", "-es", "Buch Buch Buch Buches", "Büchern"),
    ],
)  # fmt: skip
def test_nouns(
    de: str, plural: str, gender: str, declension: str, singular: str, dative_plural: str
) -> None:
    word = {"de": de, "de_plural": plural, "gender": gender, "declension": declension}
    forms = [german.noun_form(word, "", {"case": case, "number": "sg"}) for case in CASES]
    assert forms == singular.split()
    assert german.noun_form(word, "", {"case": "dat", "number": "pl"}) == dative_plural


@pytest.mark.parametrize(
    ("de", "irregular", "given", "present", "participle", "zu", "imperative"),
    [
        ("an|rufen", "", "gerufen", "rufe rufst ruft rufen", "angerufen", "anzurufen", "ruf"),
        ("kaufen", "", "", "kaufe kaufst kauft kaufen", "gekauft", "zu kaufen", "kauf"),
        ("warten", "", "", "warte wartest wartet warten", "gewartet", "zu warten", "warte"),
        ("öffnen", "", "", "öffne öffnest öffnet öffnen", "geöffnet", "zu öffnen", "öffne"),
        ("zeichnen", "", "", "zeichne zeichnest zeichnet zeichnen", "gezeichnet", "zu zeichnen",
         "zeichne"),
        ("wohnen", "", "", "wohne wohnst wohnt wohnen", "gewohnt", "zu wohnen", "wohn"),
        ("lernen", "", "", "lerne lernst lernt lernen", "gelernt", "zu lernen", "lern"),
        ("reisen", "", "", "reise reist reist reisen", "gereist", "zu reisen", "reis"),
        ("bügeln", "", "", "bügle bügelst bügelt bügeln", "gebügelt", "zu bügeln", "bügle"),
        ("spielen", "", "", "spiele spielst spielt spielen", "gespielt", "zu spielen", "spiel"),
        ("füttern", "", "", "füttere fütterst füttert füttern", "gefüttert", "zu füttern",
         "füttere"),
        ("reparieren", "", "", "repariere reparierst repariert reparieren", "repariert",
         "zu reparieren", "repariere"),
        ("besuchen", "", "", "besuche besuchst besucht besuchen", "besucht", "zu besuchen",
         "besuch"),
        ("vor|bereiten", "", "", "bereite bereitest bereitet bereiten", "vorbereitet",
         "vorzubereiten", "bereite"),
        ("lesen", "liest liest", "gelesen", "lese liest liest lesen", "gelesen", "zu lesen",
         "lies"),
        ("mit|nehmen", "nimmst nimmt", "genommen", "nehme nimmst nimmt nehmen", "mitgenommen",
         "mitzunehmen", "nimm"),
        ("tragen", "trägst trägt", "getragen", "trage trägst trägt tragen", "getragen",
         "zu tragen", "trag"),
        ("wissen", "weiß weißt weiß", "gewusst", "weiß weißt weiß wissen", "gewusst", "zu wissen",
         None),
    ],
)  # fmt: skip
def test_verbs(
    de: str,
    irregular: str,
    given: str,
    present: str,
    participle: str,
    zu: str,
    imperative: str | None,
) -> None:
    word = {"de": de, "present": irregular, "participle": given, "imperative": ""}
    persons = [("1", "sg"), ("2", "sg"), ("3", "sg"), ("3", "pl")]
    forms = [
        german.verb_form(word, "present", {"person": person, "number": number})
        for person, number in persons
    ]
    assert forms == present.split()
    assert german.verb_form(word, "participle", {}) == participle
    assert german.verb_form(word, "zu", {}) == zu
    if imperative:
        assert german.verb_form(word, "imperative", {}) == imperative


def test_genitive_of_names() -> None:
    genitives = [german.name_form({"en": name}, "genitive", {}) for name in ("Anna", "Felix")]
    assert genitives == ["Annas", "Felix'"]


def test_relative_pronoun_differs_from_the_article_in_the_dative_plural() -> None:
    features = {"case": "dat", "number": "pl", "gender": "m"}
    assert german.determiner_form({"de": "d", "pattern": "relative"}, "", features) == "denen"
    assert german.determiner_form({"de": "d", "pattern": "definite"}, "", features) == "den"


def test_adjectives_with_a_stem_of_their_own() -> None:
    word = {"de": "teuer", "stem": "teur", "more_de": ""}
    features = {"pattern": "ein", "case": "acc", "number": "sg", "gender": "n"}
    assert german.adjective_form(word, "", features) == "teures"
    assert german.adjective_form(word, "predicate", features) == "teuer"
    assert german.adjective_form(word, "more", features) == "teurer"
