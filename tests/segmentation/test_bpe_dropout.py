"""BPE dropout: none dropped is the model's own segmentation, all dropped leaves characters, and in
between each outcome is as frequent as algorithm 1 of Provilkov et al. 2020 makes it.
"""

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from made_up_texts import made_up_texts
from numpy.typing import NDArray

from attn2seq.segmentation.bpe_dropout import BpeDropout
from attn2seq.segmentation.counter_random import stream
from attn2seq.tokenization.tokenizer import UNK_ID, Tokenizer

Make = Callable[..., Tokenizer]


def encoded(tokenizer: Tokenizer, texts: list[str]) -> list[NDArray[np.uint16]]:
    return [np.array(ids, np.uint16) for ids in tokenizer.encode(texts)]


def sample(
    tokenizer: Tokenizer, texts: list[str], rate: float, epoch: int = 0, first: int = 0
) -> list[list[int]]:
    lines = encoded(tokenizer, texts)
    numbers = np.arange(first, first + len(lines))
    drawn = BpeDropout(tokenizer, rate).sample(lines, numbers, stream(1, epoch))
    return [ids.tolist() for ids in drawn]


@pytest.mark.parametrize(
    "changes",
    [{}, {"byte_fallback": True}, {"user_defined_symbols": ["<n>", "ka", "kaba", "?"]}],
)
def test_without_dropping_it_is_the_models_own_segmentation(
    tokenizer: Make, changes: dict[str, object]
) -> None:
    """Over thousands of lines; some of them hold what training did not: unknown characters."""
    known = tokenizer(made_up_texts(500, 1), vocabulary_size=600, **changes)
    texts = [*made_up_texts(3000, 2), "", "x", *(f"xy {text} <n>☃☃" for text in WORDS)]
    assert sample(known, texts, 0.0) == known.encode(texts)


WORDS = made_up_texts(300, 3)


def test_with_all_dropped_characters_are_left(tokenizer: Make) -> None:
    known = tokenizer(made_up_texts(500, 1), vocabulary_size=600)
    texts = made_up_texts(200, 2)
    for text, ids in zip(texts, sample(known, texts, 1.0), strict=True):
        assert known.pieces(ids) == list("▁" + text.replace(" ", "▁"))


def test_what_is_never_cut_stays_whole_and_the_rest_is_cut(tokenizer: Make) -> None:
    known = tokenizer(
        made_up_texts(500, 1), vocabulary_size=900, byte_fallback=True,
        user_defined_symbols=["<name>"],
    )  # fmt: skip
    (ids,) = sample(known, ["ka<name>ba €"], 1.0)
    assert known.pieces(ids) == [
        "▁", "k", "a", "<name>", "b", "a", "▁", "<0xE2>", "<0x82>", "<0xAC>",
    ]  # fmt: skip


def test_an_unknown_character_stays_and_the_rest_is_cut(tokenizer: Make) -> None:
    known = tokenizer(made_up_texts(500, 1), vocabulary_size=600)
    (ids,) = sample(known, ["ka☃ba"], 1.0)
    assert known.pieces(ids) == ["▁", "k", "a", "<unk>", "b", "a"]
    assert ids[3] == UNK_ID


def test_every_text_comes_back(tokenizer: Make) -> None:
    known = tokenizer(made_up_texts(500, 1), vocabulary_size=600)
    texts = [text for text in made_up_texts(1000, 2) if UNK_ID not in known.encode([text])[0]]
    drawn = sample(known, texts, 0.3)
    assert known.decode(drawn) == texts
    assert sum(a != b for a, b in zip(drawn, known.encode(texts), strict=True)) > 800


def exact(tokenizer: Tokenizer, word: tuple[str, ...], rate: float) -> dict[tuple[str, ...], float]:
    """The probability of each outcome from here on, by going through all of them.

    The k-th best of n possible merges is carried out where the better ones are dropped and it is
    not, (1 - rate) * rate ** (k - 1); none of them with rate ** n.
    """
    order = {piece: token for token, piece in enumerate(all_pieces(tokenizer))}
    merges = sorted(
        (order[left + right], place)
        for place, (left, right) in enumerate(itertools.pairwise(word))
        if left + right in order
    )
    outcomes: Counter[tuple[str, ...]] = Counter({word: rate ** len(merges)})
    for better, (_, place) in enumerate(merges):
        joined = (*word[:place], word[place] + word[place + 1], *word[place + 2 :])
        for outcome, share in exact(tokenizer, joined, rate).items():
            outcomes[outcome] += (1 - rate) * rate**better * share
    return outcomes


def all_pieces(tokenizer: Tokenizer) -> list[str]:
    return tokenizer.pieces(range(tokenizer.vocabulary_size))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_each_outcome_is_as_frequent_as_the_algorithm_makes_it(
    tokenizer: Make, rate: float
) -> None:
    """4,000 draws: no share is further off than five standard errors."""
    known = tokenizer(vocabulary_size=60)
    assert known.pieces(known.encode(["straße"])[0]) == ["▁straße"]
    expected = exact(known, tuple("▁straße"), rate)
    assert sum(expected.values()) == pytest.approx(1)
    drawn = Counter(tuple(known.pieces(ids)) for ids in sample(known, ["straße"] * 4_000, rate))
    assert set(drawn) <= set(expected)
    assert len(drawn) > 10
    for outcome, share in expected.items():
        error = (share * (1 - share) / 4_000) ** 0.5
        assert drawn[outcome] / 4_000 == pytest.approx(share, abs=5 * error + 1e-12)


def test_a_line_is_drawn_by_its_number_and_epoch_whatever_stands_beside_it(
    tokenizer: Make,
) -> None:
    known = tokenizer(made_up_texts(500, 1), vocabulary_size=600)
    texts = made_up_texts(60, 2)
    whole = sample(known, texts, 0.3)
    parts = sample(known, texts[:7], 0.3) + sample(known, texts[7:], 0.3, first=7)
    assert parts == whole
    assert sample(known, texts, 0.3, epoch=1) != whole
    assert sample(known, texts, 0.3, first=1) != whole


def test_no_lines_and_lines_without_text(tokenizer: Make) -> None:
    known = tokenizer()
    assert sample(known, [], 0.5) == []
    assert sample(known, ["", ""], 0.5) == [[], []]
    assert sample(known, ["", "haus", ""], 0.0) == known.encode(["", "haus", ""])
