import numpy as np

from attn2seq.decoding.attention_map import draw_attention
from attn2seq.decoding.translation import Hypothesis


def hypothesis(pieces: tuple[str, ...], weights: list[list[float]] | None) -> Hypothesis:
    array = None if weights is None else np.array(weights, dtype=np.float32)
    return Hypothesis("", 0.0, 0.0, len(pieces), pieces, array)


def test_the_example() -> None:
    found = hypothesis(("ne", "</s>"), [[0.9, 0.1], [0.3, 0.7]])
    assert draw_attention(("no", "</s>"), found).split("\n") == [
        "     n <",
        "     o /",
        "       s",
        "       >",
        "ne   ██",
        "</s> ░░▓▓",
    ]


def test_wide_characters_keep_the_columns_straight() -> None:
    found = hypothesis(("猫", "a"), [[0.0, 1.0], [1.0, 0.0]])
    assert draw_attention(("字", "b"), found).split("\n") == ["   字b", "猫   ██", "a  ██"]


def test_nothing_is_drawn_without_weights() -> None:
    assert draw_attention(("a",), hypothesis(("b",), None)) == ""
