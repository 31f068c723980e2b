"""Cleaning: texts put in order, and each reason for dropping a pair at its very limit."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn2seq.preparing.cleaning import normalise_text, normalise_texts
from attn2seq.preparing.filtering import PairFilter
from attn2seq.preparing.keys import text_key
from attn2seq.preparing.settings import PrepareSettings, UnicodeForm

Settings = Callable[..., PrepareSettings]

LANGUAGES = ("en", "de")


def test_unicode_forms() -> None:
    text = "cafe\u0301 ﬁ Ａ"
    assert normalise_text(text, "none") == text
    assert normalise_text(text, "nfc") == "café ﬁ Ａ"
    assert normalise_text(text, "nfkc") == "café fi A"
    assert normalise_text("Cafe\u0301 ﬁ Ａ", "nfc_lower") == "café ﬁ ａ"
    assert normalise_text("Cafe\u0301 ﬁ Ａ", "nfkc_lower") == "café fi a"


def test_white_space_of_every_kind_becomes_one_space() -> None:
    assert normalise_text("\t a\u2028\u00a0b\u202f!\r\n\x85c\x1c ", "nfc") == "a b ! c"


def test_control_characters_go() -> None:
    assert normalise_text("a\x00b\x07c\x7f", "none") == "abc"


@given(st.text(), st.sampled_from(get_args(UnicodeForm)))
def test_a_normalised_text_is_one_line_and_stays_as_it_is(text: str, form: Any) -> None:
    once = normalise_text(text, form)
    assert normalise_text(once, form) == once
    assert len(once.splitlines()) <= 1
    assert once == once.strip()


@pytest.mark.parametrize(
    ("changes", "src", "tgt", "reason"),
    [
        ({}, "", "b", "empty"),
        ({}, "a", "", "empty"),
        ({"max_words": 2}, "a b", "c", None),
        ({"max_words": 2}, "a b c", "d", "max_words"),
        ({"max_words": 2}, "d", "a b c", "max_words"),
        ({"max_characters": 3}, "abc", "d", None),
        ({"max_characters": 3}, "d", "abcd", "max_characters"),
        ({"max_length_ratio": 1.5}, "a b c", "d e", None),
        ({"max_length_ratio": 1.5}, "a b c d", "e f", "max_length_ratio"),
        ({"max_length_ratio": 1.5}, "e f", "a b c d", "max_length_ratio"),
        ({"drop_leaked_sources": True}, "seen", "x", "drop_leaked_sources"),
        ({"drop_leaked_sources": True}, "x", "seen", None),
        ({}, "seen", "x", None),
    ],
)
def test_reasons(
    prepare_settings: Settings, changes: dict[str, Any], src: str, tgt: str, reason: str | None
) -> None:
    pair_filter = PairFilter(prepare_settings(**changes), frozenset({"seen"}), LANGUAGES)
    assert pair_filter.reasons([(src, tgt)]) == [reason]


def test_only_the_whole_pair_makes_a_duplicate(prepare_settings: Settings) -> None:
    pair_filter = PairFilter(prepare_settings(drop_duplicates=True), frozenset(), LANGUAGES)
    pairs = [("a", "b"), ("a", "c"), ("a b", "c"), ("a", "b c"), ("a", "b")]
    expected = [None, None, None, None, "drop_duplicates"]
    assert pair_filter.reasons(pairs) == expected
    # Those of an earlier call are remembered.
    assert pair_filter.reasons([("x", "y"), *pairs[::-1]]) == [None] + ["drop_duplicates"] * 5


def test_a_pair_dropped_for_another_reason_makes_no_duplicate(prepare_settings: Settings) -> None:
    settings = prepare_settings(drop_duplicates=True, max_words=1)
    pair_filter = PairFilter(settings, frozenset(), LANGUAGES)
    assert pair_filter.reasons([("a b", "c")] * 2) == ["max_words", "max_words"]


def test_a_key_is_the_same_in_every_process() -> None:
    assert text_key("house") == 13743279845605778899
    assert text_key("house", seed=1) != text_key("house", seed=2)


@pytest.mark.parametrize("form", get_args(UnicodeForm))
@pytest.mark.parametrize(
    "odd",
    [
        "a  b", " a", "a ", "a\tb", "a\nb", "a\u2028b", "a\u00a0b", "a\x00b", "\x85", "\n", "",
        "e\u0301", "ﬁ", "\ufeffa", "\u200bx", "ä", "我们", "😀", "A", "İ", "ΑΣ", "J̌",
    ],
)  # fmt: skip
def test_many_texts_are_cleaned_like_one(form: UnicodeForm, odd: str) -> None:
    """Wherever among texts in order the odd one stands."""
    for place in range(3):
        texts = ["the house", "dürfen wir?"]
        texts.insert(place, odd)
        assert normalise_texts(texts, form) == [normalise_text(text, form) for text in texts]


@pytest.mark.parametrize("unseen", "\u00ad\u200b\u2060\ufeff\u200e\u202c\u061c")
def test_characters_that_nobody_sees_go(unseen: str) -> None:
    assert normalise_text(f"a{unseen}b {unseen}", "nfc") == "ab"
    assert normalise_texts([f"a{unseen}b", unseen, "c"], "none") == ["ab", "", "c"]


@pytest.mark.parametrize("text", ["می\u200cخواهم", "👩\u200d🔬", "क्\u200dष"])
def test_joiners_stay(text: str) -> None:
    """Persian and Indic words and emoji are spelt with them."""
    assert normalise_text(text, "nfc") == text
