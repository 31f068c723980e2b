"""What is made ahead comes in order, once, and not far ahead."""

from threading import Event, current_thread, main_thread

import pytest

from attn2seq.ahead import ahead


def test_each_item_comes_with_what_is_made_of_it() -> None:
    assert list(ahead(range(5), str)) == [(0, "0"), (1, "1"), (2, "2"), (3, "3"), (4, "4")]
    assert list(ahead([], str)) == []


def test_the_next_are_made_while_one_is_used() -> None:
    """By another thread: the third is made although nobody has asked for the second."""
    made = [Event() for _ in range(6)]

    def make(number: int) -> None:
        assert current_thread() is not main_thread()
        made[number].set()

    first, _ = next(things := ahead(range(6), make))
    assert first == 0
    made[2].wait()
    assert not made[3].is_set()
    assert len(list(things)) == 5


def test_an_error_comes_when_its_item_is_due() -> None:
    def make(number: int) -> float:
        return 1 / (2 - number)

    things = ahead(range(4), make)
    assert [next(things), next(things)] == [(0, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(things)
