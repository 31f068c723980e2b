"""Texts put in order: Unicode form, control characters, white space."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from attn2seq.preparing.settings import UnicodeForm

# Control characters that are not white space, and characters that nobody sees: soft hyphens, spaces
# of no width, byte order marks, marks of direction. Two texts that look alike differ by them. The
# joiners U+200C and U+200D stay, since Persian words and emoji are spelt with them.
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)

_FORMS: dict[str, Literal["NFC", "NFKC"]] = {
    "nfc": "NFC",
    "nfkc": "NFKC",
    "nfc_lower": "NFC",
    "nfkc_lower": "NFKC",
}


def normalise_text(text: str, form: UnicodeForm) -> str:
    """The text on one line: Unicode form, no invisible characters, white space squeezed.

    `normalise_text(" a\\u2028 b\\n", "nfc")` gives `"a b"`.
    """
    # The questions are quick, and most texts need none of the answers.
    if not text.isascii():
        text = in_unicode_form(text, form)
    if form.endswith("_lower"):
        # A composed capital can fall apart in lower case: in the form once more.
        text = in_unicode_form(text.lower(), form)
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
        and (not form.endswith("_lower") or block == block.lower())
    )
    return list(texts) if in_order else [normalise_text(text, form) for text in texts]


def in_unicode_form(text: str, form: UnicodeForm) -> str:
    """The text in that form, its case as it is; unchanged where the form is `none`."""
    if form == "none":
        return text
    return unicodedata.normalize(_FORMS[form], text)


def has_controls(text: str) -> bool:
    """Whether `normalise_text` takes control or invisible characters out of the text."""
    return _CONTROLS.search(text) is not None
