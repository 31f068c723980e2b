"""Which requests are decoded together, and what each of them gets."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from attn2seq.serving import batch_queue
from attn2seq.serving.batch_queue import BatchQueue, FullError, Params
from attn2seq.serving.invocations import Served

Batch = tuple[list[str], dict[str, Any]]


def served(text: str) -> Served:
    return Served(translation=text.upper(), score=0.0, nbest=[], notes=())


class Decoder:
    """Translates into capital letters, and notes its batches; `bad` is a text that it cannot."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, texts: list[str], params: Params) -> list[Served]:
        self.batches.append((list(texts), dict(params)))
        assert self.goes_on.wait(60)
        if "bad" in texts:
            raise ValueError("a bad text")
        return [served(text) for text in texts]


def run(use: Callable[[BatchQueue, Decoder], Awaitable[None]]) -> tuple[Decoder, list[int]]:
    """Uses a queue whose worker is at work; the decoder, and the texts of each batch observed."""
    decoder, observed = Decoder(), list[int]()

    async def main() -> None:
        queue = BatchQueue(lambda texts, seconds: observed.append(texts))
        with ThreadPoolExecutor(1) as worker:
            work = asyncio.create_task(queue.work(decoder, worker))
            try:
                await asyncio.wait_for(use(queue, decoder), 60)
            finally:
                decoder.goes_on.set()
                work.cancel()

    asyncio.run(main())
    return decoder, observed


def translations(found: Iterable[Served]) -> list[str]:
    return [one.translation for one in found]


def test_requests_with_the_same_params_are_decoded_together_the_oldest_first() -> None:
    async def use(queue: BatchQueue, decoder: Decoder) -> None:
        found = [
            queue.put(["a", "b"], {}),
            queue.put(["c"], {"nbest": 2}),
            queue.put(["d"], {}),
            queue.put(["e"], {"nbest": 2}),
        ]
        assert queue.waiting == 5
        answers = [translations(one) for one in await asyncio.gather(*found)]
        assert answers == [["A", "B"], ["C"], ["D"], ["E"]]
        assert queue.waiting == 0

    decoder, observed = run(use)
    assert decoder.batches == [(["a", "b", "d"], {}), (["c", "e"], {"nbest": 2})]
    assert observed == [3, 2]


def test_a_batch_has_so_many_texts_unless_one_request_has_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_queue, "MAX_BATCH_TEXTS", 3)

    async def use(queue: BatchQueue, decoder: Decoder) -> None:
        requests = [["a", "b"], ["c", "d", "e", "f"], ["g"], ["h", "i"], ["j"]]
        found = await asyncio.gather(*(queue.put(texts, {}) for texts in requests))
        assert [translations(one) for one in found] == [
            [text.upper() for text in texts] for texts in requests
        ]

    decoder, _ = run(use)
    # None is passed over for a later one that would fit.
    assert [len(texts) for texts, _ in decoder.batches] == [2, 4, 3, 1]


def test_what_comes_while_a_batch_is_decoded_is_the_next_batch() -> None:
    async def use(queue: BatchQueue, decoder: Decoder) -> None:
        decoder.goes_on.clear()
        first = queue.put(["a"], {})
        while not decoder.batches:
            await asyncio.sleep(0.001)
        later = [queue.put([text], {}) for text in "bcd"]
        decoder.goes_on.set()
        await asyncio.gather(first, *later)

    decoder, _ = run(use)
    assert [texts for texts, _ in decoder.batches] == [["a"], ["b", "c", "d"]]


def test_nothing_is_decoded_for_those_who_left() -> None:
    async def use(queue: BatchQueue, decoder: Decoder) -> None:
        decoder.goes_on.clear()
        decoded = queue.put(["a"], {})
        while not decoder.batches:
            await asyncio.sleep(0.001)
        left, stays = queue.put(["b"], {}), queue.put(["c"], {})
        decoded.cancel()
        left.cancel()
        assert queue.waiting == 1
        decoder.goes_on.set()
        assert translations(await stays) == ["C"]

    decoder, _ = run(use)
    assert [texts for texts, _ in decoder.batches] == [["a"], ["c"]]


def test_a_full_queue_takes_no_more_until_it_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "MAX_WAITING_TEXTS", 3)

    async def use(queue: BatchQueue, decoder: Decoder) -> None:
        first = queue.put(["a", "b"], {})
        with pytest.raises(FullError):
            queue.put(["c", "d"], {})
        second = queue.put(["e"], {})
        await asyncio.gather(first, second)
        assert translations(await queue.put(["c", "d"], {})) == ["C", "D"]

    run(use)


def test_what_one_request_causes_the_others_do_not_feel() -> None:
    async def use(queue: BatchQueue, decoder: Decoder) -> None:
        good, bad, other = (queue.put([text], {}) for text in ("a", "bad", "b"))
        assert translations(await good) == ["A"]
        with pytest.raises(ValueError, match="a bad text"):
            await bad
        assert translations(await other) == ["B"]
        assert translations(await queue.put(["c"], {})) == ["C"]

    decoder, observed = run(use)
    assert [texts for texts, _ in decoder.batches] == [["a", "bad", "b"], ["a"], ["bad"], ["b"],
                                                       ["c"]]  # fmt: skip
    assert observed == [1, 1, 1]
