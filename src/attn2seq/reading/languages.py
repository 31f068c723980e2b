"""Languages by the names of files and columns: `German`, `Deutsch`, `deu` and `de` are one."""

import re
from itertools import pairwise

# ISO 639-1 code -> other codes and names.
LANGUAGES = {
    "ar": "ara arabic", "bg": "bul bulgarian", "bn": "ben bengali", "ca": "cat catalan",
    "cs": "ces cze czech čeština", "cy": "cym wel welsh", "da": "dan danish dansk",
    "de": "deu ger german deutsch", "el": "ell gre greek", "en": "eng english",
    "eo": "epo esperanto", "es": "spa spanish español espanol", "et": "est estonian",
    "eu": "eus baq basque", "fa": "fas per persian farsi", "fi": "fin finnish suomi",
    "fr": "fra fre french français francais", "ga": "gle irish", "he": "heb hebrew",
    "hi": "hin hindi", "hr": "hrv croatian", "hu": "hun hungarian", "id": "ind indonesian",
    "is": "isl ice icelandic", "it": "ita italian italiano", "ja": "jpn japanese 日本語",
    "km": "khm khmer", "ko": "kor korean", "la": "lat latin", "lo": "lao", "lt": "lit lithuanian",
    "lv": "lav latvian", "mk": "mkd macedonian", "my": "mya bur burmese",
    "nl": "nld dut dutch nederlands", "no": "nor norwegian nb nn", "pl": "pol polish polski",
    "pt": "por portuguese português portugues", "ro": "ron rum romanian",
    "ru": "rus russian русский", "sk": "slk slo slovak", "sl": "slv slovenian",
    "sq": "sqi albanian", "sr": "srp serbian", "sv": "swe swedish svenska", "sw": "swa swahili",
    "ta": "tam tamil", "th": "tha thai", "tr": "tur turkish türkçe",
    "uk": "ukr ukrainian українська", "ur": "urd urdu", "vi": "vie vietnamese",
    "zh": "zho chi cmn chinese mandarin 中文",
}  # fmt: skip
_CODES = {word: code for code, words in LANGUAGES.items() for word in (code, *words.split())}
# How sacreBLEU splits texts of languages that are written without spaces.
BLEU_TOKENIZERS = {"zh": "zh"} | dict.fromkeys(("ja", "km", "lo", "my", "th"), "char")


def language_of(name: str) -> str | None:
    """The code of the language that a column or a file's ending names."""
    return _CODES.get(re.split(r"[-_ ]", name.strip().lower(), maxsplit=1)[0])


def languages_in(file_name: str) -> list[str]:
    """Those that a file's name ends with: `train.en.gz` gives `[en]`, `mine.en-de.tsv` `[en, de]`.

    A pair is found anywhere in the name, a single language only as an ending.
    """
    words = re.split(r"[^a-z]+", file_name.lower())
    for first, second in pairwise(words):
        if first in _CODES and second in _CODES and len(second) <= 3:
            return [_CODES[first], _CODES[second]]
    endings = file_name.lower().removesuffix(".gz").removesuffix(".txt").split(".")[1:]
    return [code for code in map(_CODES.get, endings[-1:]) if code]
