"""Scores of texts: of which script the letters are, which language the words; how alike two are."""

from functools import cache
from typing import Any

import regex
from rapidfuzz.distance import Levenshtein

from attn2seq.errors import UserError
from attn2seq.reading.languages import language_of

_LETTER = regex.compile(r"\p{Alphabetic}")


def character_score(text: str, script: str) -> float:
    """The share of a text's letters that are of the script; 1 for a text without letters.

    `character_score("Ja, да", "Latin")` gives 0.5.
    """
    letters = len(_LETTER.findall(text))
    return len(_letters_of(script).findall(text)) / letters if letters else 1.0


def similarity(src: str, tgt: str) -> float:
    """1 for equal texts, less the edit distance divided by the longer length, in characters.

    `similarity("Click here", "Klick hier")` gives 0.7.
    """
    return Levenshtein.normalized_similarity(src, tgt)


@cache
def _letters_of(script: str) -> Any:
    return regex.compile(rf"[\p{{Script={script}}}&&\p{{Alphabetic}}]", regex.V1)


class LanguageIdentifier:
    """Says how probable it is that a text is of a language, among all that py3langid knows."""

    def __init__(self, languages: tuple[str, str]) -> None:
        """Raises UserError where py3langid is missing, or does not know one of the languages."""
        try:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier
        except ImportError:
            raise UserError(
                "prepare.min_language_id_score needs the package py3langid: pip install py3langid, "
                "or set it to 0"
            ) from None
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        known = {label for label, _ in self._identifier.rank("")}
        self._codes = {language: language_of(language) or language for language in languages}
        for language, code in self._codes.items():
            if code not in known:
                raise UserError(
                    f"prepare.min_language_id_score: py3langid does not know the language "
                    f"{language}; set it to 0"
                )

    def score(self, text: str, language: str) -> float:
        """The probability, from 0 to 1."""
        code = self._codes[language]
        return next(float(share) for label, share in self._identifier.rank(text) if label == code)
