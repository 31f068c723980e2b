"""Numbers by their place: even, apart, the same in every order and on every machine."""

import numpy as np

from attn2seq.segmentation.counter_random import stream, substream, uniforms


def test_even_over_the_unit_interval() -> None:
    """Chi-square over 100 equal bins: 99 degrees of freedom, 99.9% of which lie below 148.2."""
    draws = uniforms(stream(1, 0), np.arange(100_000))
    counts = np.histogram(draws, bins=100, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 148.2
    assert 0 <= draws.min() < draws.max() < 1


def test_neighbours_and_neighbouring_streams_have_nothing_in_common() -> None:
    """A correlation of 20,000 independent pairs is below 0.03 in all but one case of 40,000."""
    places = np.arange(20_000)
    first = uniforms(stream(1, 0), places)
    for other in (
        uniforms(stream(1, 0), places + 1), uniforms(stream(1, 1), places),
        uniforms(stream(2, 0), places), uniforms(stream(0, 1), places),
        uniforms(substream(stream(1, 0), places), np.zeros(1)),
    ):  # fmt: skip
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


def test_a_place_has_its_number_in_any_order() -> None:
    places = np.arange(50)
    forward = uniforms(stream(3, 4), places)
    assert uniforms(stream(3, 4), places[::-1]).tolist() == forward[::-1].tolist()
    assert uniforms(stream(3, 4), places[17:18])[0] == forward[17]


def test_known_numbers() -> None:
    """The first outputs of SplitMix64 from the state 1234567, from its reference implementation."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    # Number n of a generator is the finaliser of its state after n steps.
    found = uniforms(np.array([1234567], np.uint64), np.arange(3))
    assert found.tolist() == [(number >> 11) * 2.0**-53 for number in expected]
