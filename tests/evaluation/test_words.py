import pytest

from attn2seq.evaluation.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Um 7 Uhr, Ada!", ["Um", "7", "Uhr", "Ada"]),
        ("Не знаю…", ["Не", "знаю"]),
        ("我爱你。", ["我", "爱", "你"]),
        ("iPhone买了3个", ["iPhone", "买", "了", "3", "个"]),
        ("すごい!", ["す", "ご", "い"]),
        ("ที่", ["ที่"]),
        ("हिन्दी", ["हिन्दी"]),
        ("كتابٌ جديد", ["كتابٌ", "جديد"]),
        ("cafe\u0301", ["cafe\u0301"]),
        ("\u00a0 \u2028!?", []),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, words: list[str]) -> None:
    assert split_words(text) == words
