"""Requests that wait for one worker; those with the same params are decoded together.

All of it lives on the event loop and needs no locks: only `decode` runs in the worker's thread.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from attn2seq.serving.invocations import Served

WAIT_S = 0.005
"""How long the first request of a batch waits for others."""
MAX_BATCH_TEXTS = 256
"""Decoded together; a request with more is a batch of its own."""
MAX_WAITING_TEXTS = 2000
Params = Mapping[str, Any]
Decode = Callable[[list[str], Params], list[Served]]
Observe = Callable[[int, float], object]  # told the texts of each batch, and the seconds it took


class FullError(Exception):
    """So many texts are waiting that no more are taken."""


@dataclass(eq=False)
class Job:
    """The texts of one request, all with the same params, and what becomes of them."""

    texts: list[str]
    params: Params
    served: asyncio.Future[list[Served]]


class BatchQueue:
    """First come, first served: a batch is the oldest request and later ones with its params."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._jobs: list[Job] = []
        self._arrived = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Texts that are not being decoded yet; those of clients that are gone do not count."""
        return sum(len(job.texts) for job in self._jobs if not job.served.done())

    def put(self, texts: list[str], params: Params) -> asyncio.Future[list[Served]]:
        """What is served for each text, in their order, once it is done; cancel it if nobody waits.

        It ends in what `decode` raises. Raises FullError.
        """
        if self.waiting + len(texts) > MAX_WAITING_TEXTS:
            raise FullError
        served = asyncio.get_running_loop().create_future()
        self._jobs.append(Job(texts, params, served))
        self._arrived.set()
        return served

    async def work(self, decode: Decode, worker: Executor) -> None:
        """Decode batch after batch, until it is cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(WAIT_S)
            if batch := self._next_batch():
                await self._decode(batch, decode, worker)
            if not self._jobs:
                self._arrived.clear()

    def _next_batch(self) -> list[Job]:
        """Takes it out of the queue; empty where nobody waits any more."""
        waiting = [job for job in self._jobs if not job.served.done()]
        batch: list[Job] = []
        texts = 0
        for job in waiting:
            if job.params != waiting[0].params:
                continue
            texts += len(job.texts)
            if batch and texts > MAX_BATCH_TEXTS:
                break
            batch.append(job)
        self._jobs = [job for job in waiting if job not in batch]
        return batch

    async def _decode(self, batch: list[Job], decode: Decode, worker: Executor) -> None:
        texts = [text for job in batch for text in job.texts]
        started = perf_counter()
        try:
            served = await asyncio.get_running_loop().run_in_executor(
                worker, decode, texts, batch[0].params
            )
        except Exception as error:
            if len(batch) == 1:
                _end(batch[0], error)
                return
            # One request may be the cause, such as one that takes too much memory.
            for job in batch:
                await self._decode([job], decode, worker)
            return
        self._observe(len(texts), perf_counter() - started)
        for job in batch:
            _end(job, served[: len(job.texts)])
            served = served[len(job.texts) :]


def _end(job: Job, end: list[Served] | Exception) -> None:
    if job.served.done():  # cancelled meanwhile
        return
    if isinstance(end, Exception):
        job.served.set_exception(end)
    else:
        job.served.set_result(end)
