"""Things that are made while those before them are used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_AHEAD = 2


def ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
    """Each item with what `make` makes of it, in order; up to two are made ahead, in a thread.

    An error of `make` is raised when its item is due.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    try:
        for item in items:
            waiting.append((item, thread.submit(make, item)))
            if len(waiting) > _AHEAD:
                due, made = waiting.popleft()
                yield due, made.result()
        for due, made in waiting:
            yield due, made.result()
    finally:
        thread.shutdown(cancel_futures=True)
