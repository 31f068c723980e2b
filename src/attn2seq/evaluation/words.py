"""Words in any script, for scores and buckets that count words."""

import regex

# In these scripts no space parts the words: each character, with its marks, stands for itself.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_WORD = regex.compile(
    rf"[[{_UNSPACED}]&&[\p{{L}}\p{{N}}]]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+",
    flags=regex.V1,
)


def split_words(text: str) -> list[str]:
    """The words of a text: runs of letters, marks and numbers; case is kept.

    `split_words("Um 7 Uhr, Ada!")` gives `["Um", "7", "Uhr", "Ada"]`;
    `split_words("我爱你。")` gives `["我", "爱", "你"]`.
    """
    return [str(word) for word in _WORD.findall(text)]
