"""Subword regularisation: each segmentation is drawn as often as p ** alpha says."""

import itertools
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import sentencepiece as spm
from made_up_texts import made_up_texts

from attn2seq.segmentation.counter_random import stream
from attn2seq.segmentation.nbest_sampling import NbestSampling
from attn2seq.tokenization.tokenizer import Tokenizer

Make = Callable[..., Tokenizer]
WORD = "wawakami"


@pytest.fixture
def unigram(tokenizer: Make) -> Tokenizer:
    return tokenizer(made_up_texts(500, 1), model_type="unigram", vocabulary_size=600)


def sample(
    tokenizer: Tokenizer, texts: list[str], count: int, alpha: float, epoch: int = 0, first: int = 0
) -> list[list[int]]:
    lines = [np.array(ids, np.uint16) for ids in tokenizer.encode(texts)]
    numbers = np.arange(first, first + len(lines))
    drawn = NbestSampling(tokenizer, count, alpha).sample(lines, numbers, stream(1, epoch))
    return [ids.tolist() for ids in drawn]


def enumerated(tokenizer: Tokenizer, word: str) -> dict[tuple[int, ...], float]:
    """Every way to cut a word into pieces, with its log-probability."""
    text = "▁" + word
    ids = {
        piece: token
        for token, piece in enumerate(tokenizer.pieces(range(tokenizer.vocabulary_size)))
    }
    found: dict[tuple[int, ...], float] = {}
    for cuts in itertools.product([False, True], repeat=len(text) - 1):
        ends = [place for place, cut in enumerate(cuts, start=1) if cut]
        parts = [text[a:b] for a, b in itertools.pairwise([0, *ends, len(text)])]
        if all(part in ids for part in parts):
            cut = tuple(ids[part] for part in parts)
            found[cut] = sum(float(tokenizer.scores[token]) for token in cut)
    return found


@pytest.mark.parametrize(("count", "alpha"), [(512, 0.2), (512, 1.0), (5, 0.5), (512, 0.0)])
def test_each_way_is_as_frequent_as_its_probability(
    unigram: Tokenizer, count: int, alpha: float
) -> None:
    """4,000 draws: no share is further off than five standard errors."""
    ways = enumerated(unigram, WORD)
    assert len(ways) > 10
    best = sorted(ways, key=lambda way: -ways[way])[:count]
    total = sum(math.exp(alpha * ways[way]) for way in best)
    drawn = Counter(map(tuple, sample(unigram, [WORD] * 4_000, count, alpha)))
    assert set(drawn) <= set(best)
    for way in best:
        share = math.exp(alpha * ways[way]) / total
        error = (share * (1 - share) / 4_000) ** 0.5
        assert drawn[way] / 4_000 == pytest.approx(share, abs=5 * error)


def test_over_many_epochs_a_line_takes_all_its_ways(unigram: Tokenizer) -> None:
    ways = enumerated(unigram, "sapi")
    drawn = {tuple(sample(unigram, ["sapi"], 512, 0.0, epoch)[0]) for epoch in range(400)}
    assert drawn == set(ways)


def test_a_high_power_leaves_the_best_alone(unigram: Tokenizer) -> None:
    texts = made_up_texts(20, 2)
    assert sample(unigram, texts, 8, 1000.0) == unigram.encode(texts)


def test_a_line_with_unknown_pieces_stays_as_it_is(unigram: Tokenizer) -> None:
    texts = ["kaba & du"] * 50
    assert sample(unigram, texts, 64, 0.0) == unigram.encode(texts)


@pytest.mark.parametrize("changes", [{}, {"byte_fallback": True, "vocabulary_size": 700}])
def test_every_text_comes_back(tokenizer: Make, changes: dict[str, object]) -> None:
    """Bytes that stand for an unknown character are in no one's way."""
    settings = {"model_type": "unigram", "vocabulary_size": 300} | changes
    known = tokenizer(made_up_texts(500, 1), **settings)
    texts = made_up_texts(300, 2) + ["", "ka ☃ ba"] * ("byte_fallback" in changes)
    drawn = sample(known, texts, 16, 0.1)
    assert known.decode(drawn) == known.decode(known.encode(texts))
    assert sum(a != b for a, b in zip(drawn, known.encode(texts), strict=True)) > 200


def test_no_way_that_is_drawn_cuts_a_symbol(tokenizer: Make) -> None:
    known = tokenizer(
        made_up_texts(500, 1), model_type="unigram", vocabulary_size=300,
        user_defined_symbols=["aka", "li"],
    )  # fmt: skip
    texts = [text for text in made_up_texts(400, 2) if "aka" in text or "li" in text]
    drawn = sample(known, texts, 64, 0.0)
    assert len(texts) > 50
    for text, ids in zip(texts, drawn, strict=True):
        pieces = known.pieces(ids)
        assert pieces.count("aka") == text.count("aka")
        assert pieces.count("li") == text.count("li")
    assert known.decode(drawn) == texts


def test_a_line_is_drawn_by_its_number_and_epoch_whatever_stands_beside_it(
    unigram: Tokenizer,
) -> None:
    texts = made_up_texts(20, 2)
    whole = sample(unigram, texts, 16, 0.2)
    parts = sample(unigram, texts[:7], 16, 0.2) + sample(unigram, texts[7:], 16, 0.2, first=7)
    assert parts == whole
    assert sample(unigram, texts, 16, 0.2, epoch=1) != whole
    assert sample(unigram, texts, 16, 0.2, first=1) != whole


def test_a_text_too_long_for_candidates_comes_back_and_nothing_is_said(
    unigram: Tokenizer, capfd: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(made_up_texts(400, 2))
    assert len(unigram.candidates(text, 64)) < 64
    spm.set_min_log_level(0)  # as in a process that has learnt no vocabulary
    capfd.readouterr()
    assert unigram.decode(sample(unigram, [text], 64, 0.2)) == [text]
    assert capfd.readouterr().err == ""


def test_no_lines_and_lines_without_text(unigram: Tokenizer) -> None:
    assert sample(unigram, [], 8, 0.2) == []
    assert sample(unigram, ["", "", "kaba", ""], 8, 1000.0) == unigram.encode(["", "", "kaba", ""])
