"""One text put in order, and the reasons for which a training pair is left out."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence, Set
from typing import Literal

import numpy as np

from attn2seq.corpus.key_set import Keys, KeySet
from attn2seq.corpus.settings import PrepareSettings, UnicodeForm

# Control characters that are no white space: nobody writes them, and tools stumble over them.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")

_FORMS: dict[str, Literal["NFC", "NFKC"]] = {"nfc": "NFC", "nfkc": "NFKC"}

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
    # The two questions are quick, and most texts need neither answer.
    if not text.isascii():
        text = in_unicode_form(text, form)
    if not text.isprintable():
        text = _CONTROLS.sub("", text)
    return " ".join(text.split())


def normalise_texts(texts: Sequence[str], form: UnicodeForm) -> list[str]:
    """`normalise_text` of each; quick where they are in order already, as most are."""
    block = "\n".join(["", *texts, ""])
    in_order = (
        block.count("\n") == len(texts) + 1
        and not any(spaces in block for spaces in ("  ", "\n ", " \n"))
        # Neither control characters nor any white space but a plain space is printable.
        and block.replace("\n", "").isprintable()
        and (form == "none" or unicodedata.is_normalized(_FORMS[form], block))
    )
    return list(texts) if in_order else [normalise_text(text, form) for text in texts]


def in_unicode_form(text: str, form: UnicodeForm) -> str:
    """The text in that form; as it is where the form is `none`."""
    if form == "none":
        return text
    return unicodedata.normalize(_FORMS[form], text)


def has_controls(text: str) -> bool:
    """Whether `normalise_text` takes control characters out of the text."""
    return _CONTROLS.search(text) is not None


class PairFilter:
    """Says of training pairs whether to leave them out, and why; it remembers the pairs kept."""

    def __init__(self, settings: PrepareSettings, evaluation_sources: Set[str]) -> None:
        """`evaluation_sources` holds the sources of dev and test."""
        self._settings = settings
        self._evaluation_sources = evaluation_sources
        self._kept = KeySet()

    def reasons(self, pairs: Sequence[tuple[str, str]]) -> list[str | None]:
        """Of each pair one of REASONS, or None to keep it; pairs may come in several calls."""
        reasons = [self._own_reason(src, tgt) for src, tgt in pairs]
        if self._settings.drop_duplicates:
            asked = [place for place, reason in enumerate(reasons) if reason is None]
            new = self._kept.add(pair_keys(pairs[place] for place in asked))
            for place in np.array(asked, int)[~new]:
                reasons[place] = "drop_duplicates"
        return reasons

    def _own_reason(self, src: str, tgt: str) -> str | None:
        """What speaks against a pair, whatever came before it."""
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
        if settings.drop_leaked_sources and src in self._evaluation_sources:
            return "drop_leaked_sources"
        return None


def text_key(text: str, seed: int = 0) -> int:
    """64 bits that stand for a text: the same in every process, another draw for each seed."""
    salt = seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, salt=salt).digest())


def text_keys(texts: Iterable[str]) -> Keys:
    """64 bits for each text, by SipHash: the same in every process.

    Among ten million texts, the chance that two share a key is one in 400,000.
    """
    # Only here: whoever translates a line need not wait for pandas.
    from pandas.util import hash_array

    return hash_array(np.array([*texts], object), categorize=False)


def pair_keys(pairs: Iterable[tuple[str, str]]) -> Keys:
    """64 bits for each pair of normalised texts."""
    # They hold no line feed, so that it can part them.
    return text_keys(f"{src}\n{tgt}" for src, tgt in pairs)
