"""The perplexity of a unigram model, against texts whose answer is known."""

import numpy as np
import pytest

from benchmarks.unigram import perplexity


def test_pieces_that_are_all_as_frequent() -> None:
    even = np.full(5, 9)
    assert perplexity(even, np.array([3, 0, 0, 1, 2])) == pytest.approx(5)


def test_probabilities_are_counts_with_one_added() -> None:
    # Probabilities 1/2, 1/4, 1/4; the text has the first piece twice and each other once.
    found = perplexity(np.array([3, 1, 1]), np.array([2, 1, 1]))
    assert found == pytest.approx((2 * 2 * 4 * 4) ** (1 / 4))


def test_a_piece_that_train_lacks_is_not_impossible() -> None:
    assert perplexity(np.array([6, 0]), np.array([0, 1])) == pytest.approx(8)
