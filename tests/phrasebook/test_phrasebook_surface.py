"""Contractions, articles, commas and capitals."""

import pytest

from attn2seq.phrasebook.surface import finish_english, finish_german


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("er geht in~ das Kino .", "Er geht ins Kino."),
        ("er wartet an~ der Haltestelle .", "Er wartet an der Haltestelle."),
        ("sie fährt zu~ der Apotheke .", "Sie fährt zur Apotheke."),
        ("das Haus , in dem er wohnt , ist alt .", "Das Haus, in dem er wohnt, ist alt."),
        ("ich sehe den Mann , der lacht , .", "Ich sehe den Mann, der lacht."),
        ("weil er , der lacht , , geht , .", "Weil er, der lacht, geht."),
        ("was  kauft   er ?", "Was kauft er?"),
    ],
)
def test_german(words: str, sentence: str) -> None:
    assert finish_german(words) == sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("I eat a~ egg .", "I eat an egg."),
        ("she left a~ hour ago .", "She left an hour ago."),
        ("he saw a~ university .", "He saw a university."),
        ("we can not come .", "We cannot come."),
        ("a~ old man sings .", "An old man sings."),
    ],
)
def test_english(words: str, sentence: str) -> None:
    assert finish_english(words) == sentence
