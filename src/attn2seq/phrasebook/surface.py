"""From the words of a derivation to a written sentence, in English and in German.

    finish_german("in~ dem Park spielt das Kind , das ich kenne , .")
    -> "Im Park spielt das Kind, das ich kenne."

A word that ends in ~ leans on the next one: a preposition melts with the article, `a~` becomes an.
"""

CONTRACTIONS = {
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("an", "das"): "ans",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
    ("bei", "dem"): "beim",
    ("von", "dem"): "vom",
}
# Spelt with a vowel but spoken with a consonant, and the other way round.
CONSONANT_SOUND = ("uni", "use", "euro", "one")
VOWEL_SOUND = ("hour", "honest")
CLOSING = (".", "?", "!")


def finish_german(text: str) -> str:
    """A German sentence with contractions, commas and capital in place."""
    words: list[str] = []
    for word in text.split():
        if words and words[-1].endswith("~"):
            before = words.pop().removesuffix("~")
            melted = CONTRACTIONS.get((before, word))
            words += [melted] if melted else [before, word]
        else:
            words.append(word)
    return _punctuate(words)


def finish_english(text: str) -> str:
    """An English sentence with a or an, `cannot`, commas and capital in place."""
    words: list[str] = []
    for word in text.split():
        if words and words[-1] == "a~":
            words[-1] = "an" if _starts_with_vowel(word) else "a"
        if words and words[-1] == "can" and word == "not":
            words[-1] = "cannot"
        else:
            words.append(word)
    return _punctuate(words)


def _starts_with_vowel(word: str) -> bool:
    if word.startswith(VOWEL_SOUND):
        return True
    return word[0] in "aeiou" and not word.startswith(CONSONANT_SOUND)


def _punctuate(words: list[str]) -> str:
    """Glue marks to the word before them; of several marks in a row the last stands."""
    out: list[str] = []
    for word in words:
        if word == "," or word in CLOSING:
            if out and out[-1].endswith(","):
                out[-1] = out[-1].removesuffix(",")
            out[-1] += word
        else:
            out.append(word)
    sentence = " ".join(out)
    return sentence[0].upper() + sentence[1:]
