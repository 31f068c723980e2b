"""One text put in order, and the reasons for which a training pair is left out."""

import hashlib
import re
import unicodedata
from collections.abc import Set

from attn2seq.corpus.settings import PrepareSettings, UnicodeForm

# Control characters that are no white space: nobody writes them, and tools stumble over them.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")

# Why a training pair is left out, in the order in which it is asked; named like the settings.
REASONS = (
    "empty",
    "max_words",
    "max_characters",
    "max_length_ratio",
    "drop_leaked_sources",
    "drop_duplicates",
    "limit_train_pairs",
)


def normalise_text(text: str, form: UnicodeForm) -> str:
    """The text on one line: Unicode form, no control characters, white space squeezed.

    `normalise_text(" a\\u2028 b\\n", "nfc")` gives `"a b"`.
    """
    return " ".join(_CONTROLS.sub("", in_unicode_form(text, form)).split())


def in_unicode_form(text: str, form: UnicodeForm) -> str:
    """The text in that form; as it is where the form is `none`."""
    if form == "none":
        return text
    return unicodedata.normalize("NFC" if form == "nfc" else "NFKC", text)


def has_controls(text: str) -> bool:
    """Whether `normalise_text` takes control characters out of the text."""
    return _CONTROLS.search(text) is not None


class PairFilter:
    """Says of each training pair whether to leave it out, and why; it remembers the pairs kept."""

    def __init__(self, settings: PrepareSettings, evaluation_sources: Set[int]) -> None:
        """`evaluation_sources` holds the `text_key` of each source of dev and test."""
        self._settings = settings
        self._evaluation_sources = evaluation_sources
        self._seen: set[int] = set()

    def reason(self, src: str, tgt: str) -> str | None:
        """One of REASONS, or None for a pair to keep."""
        settings = self._settings
        if not src or not tgt:
            return "empty"
        words = sorted((src.count(" ") + 1, tgt.count(" ") + 1))
        if settings.max_words and words[1] > settings.max_words:
            return "max_words"
        if settings.max_characters and max(len(src), len(tgt)) > settings.max_characters:
            return "max_characters"
        if settings.max_length_ratio and words[1] > settings.max_length_ratio * words[0]:
            return "max_length_ratio"
        if settings.drop_leaked_sources and text_key(src) in self._evaluation_sources:
            return "drop_leaked_sources"
        if settings.drop_duplicates:
            key = pair_key(src, tgt)
            if key in self._seen:
                return "drop_duplicates"
            self._seen.add(key)
        return None


def text_key(text: str, seed: int = 0) -> int:
    """64 bits that stand for a text: the same in every process, another draw for each seed.

    Among ten million texts, the chance that two share a key is one in 400,000.
    """
    salt = seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, salt=salt).digest())


def pair_key(src: str, tgt: str) -> int:
    """64 bits that stand for a pair of normalised texts."""
    # They hold no line feed, so that it can part them.
    return text_key(f"{src}\n{tgt}")
