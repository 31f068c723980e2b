"""The application: translations under MLflow's address and in its form, health, and metrics.

What a request costs is bounded before it is queued, and whatever goes wrong is answered in JSON,
without a traceback. What is there of the model comes from `load`, in the thread that decodes.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from attn2seq.decoding.settings import DecodeSettings, requested_settings
from attn2seq.errors import UserError
from attn2seq.serving.batch_queue import BatchQueue, FullError
from attn2seq.serving.invocations import (
    KEYS,
    Served,
    answer,
    check_cost,
    check_keys,
    checked_params,
    checked_texts,
)
from attn2seq.serving.metrics import Metrics

if TYPE_CHECKING:
    from attn2seq.decoding.translator import Translator

MAX_BODY_BYTES = 4 << 20
BODY_TIMEOUT_S = 30
"""For a client to send it."""
MAX_REQUESTS = 1000
"""At a time: with their bodies they are what takes memory."""
RETRY_AFTER_S = 5
CLIENT_IS_GONE = 499  # as nginx's log has it; nobody reads it
Load = Callable[[], "Translator"]
Fail = Callable[[Exception], object]


class Predictions(BaseModel):
    """The body of an answer."""

    predictions: list[Served]


def make_app(load: Load, fail: Fail) -> Starlette:
    """The application for the model that `load` gives, which is called once it is started.

    `fail` is told what keeps it from ever answering. Setting `state.ending` has /ready say that
    no further requests should come.
    """
    service = _Service(load, fail)
    app = Starlette(
        routes=[
            Route("/invocations", service.invocations, methods=["POST"]),
            Route("/health", _health),
            Route("/ready", service.ready),
            Route("/metrics", service.show_metrics),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=service.running,
    )
    app.state.ending = False
    return app


class _Service:
    """What the routes share."""

    def __init__(self, load: Load, fail: Fail) -> None:
        self._load, self._fail = load, fail
        self._metrics = Metrics()
        self._queue = BatchQueue(self._metrics.observe_batch)
        self._metrics.waiting_texts.set_function(lambda: self._queue.waiting)
        self._translator: Translator | None = None
        self._requests = 0
        self._metrics.in_progress.set_function(lambda: self._requests)

    @asynccontextmanager
    async def running(self, app: Starlette) -> AsyncIterator[None]:
        """While the application runs. One worker: torch's threads share out the processors."""
        with ThreadPoolExecutor(1, "decoder") as worker:
            work = asyncio.create_task(self._work(worker))
            yield
            work.cancel()

    async def _work(self, worker: ThreadPoolExecutor) -> None:
        try:
            loop = asyncio.get_running_loop()
            translator = self._translator = await loop.run_in_executor(worker, self._load)

            def decode(texts: list[str], params: Mapping[str, Any]) -> list[Served]:
                return [answer(each) for each in translator.translate(texts, **params)]

            await self._queue.work(decode, worker)
        except Exception as error:
            self._fail(error)

    async def ready(self, request: Request) -> Response:
        """Whether requests should come here."""
        if self._translator is None:
            raise _busy("the model is being loaded")
        if request.app.state.ending:
            raise _busy("the server is ending")
        return JSONResponse({"status": "ready"})

    async def show_metrics(self, request: Request) -> Response:
        """In Prometheus' text format."""
        return PlainTextResponse(
            generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST
        )

    async def invocations(self, request: Request) -> Response:
        """The translations of the texts in the request's body."""
        started, status = perf_counter(), HTTPStatus.INTERNAL_SERVER_ERROR.value
        self._requests += 1
        try:
            response = await self._answered(request)
            status = response.status_code
            return response
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            self._requests -= 1
            self._metrics.requests.labels(status).inc()
            self._metrics.request_seconds.observe(perf_counter() - started)

    async def _answered(self, request: Request) -> Response:
        if self._translator is None:
            raise _busy("the model is being loaded")
        if self._requests > MAX_REQUESTS:
            raise _busy(f"more than {MAX_REQUESTS:,} requests at a time")
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, "send JSON, with the header Content-Type: application/json")
        try:
            texts, params = _read(await _body(request), self._translator.settings)
            found = self._queue.put(texts, params)
            served = await _unless_gone(request, found)
        except UserError as error:
            raise HTTPException(400, str(error)) from None
        except FullError:
            raise _busy("too many texts are waiting") from None
        except ClientDisconnect:
            return Response(status_code=CLIENT_IS_GONE)
        body = Predictions(predictions=served).model_dump_json()
        return Response(body, media_type="application/json")


async def _body(request: Request) -> bytes:
    """Read to the end even where it is too long: a client that still sends reads no answer."""
    body, length = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                length += len(part)
                if length <= MAX_BODY_BYTES:
                    body += part
    except TimeoutError:
        raise HTTPException(408, f"the body did not come in {BODY_TIMEOUT_S} seconds") from None
    if length > MAX_BODY_BYTES:
        raise HTTPException(
            413, f"the body has {length:,} bytes; send {MAX_BODY_BYTES:,} at most at a time"
        )
    return bytes(body)


def _read(body: bytes, own: DecodeSettings) -> tuple[list[str], dict[str, Any]]:
    """The texts and the params of a request to a model with settings of its `own`.

    Raises UserError.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the body is not JSON ({str(error)[:200]})") from None
    if not isinstance(values, dict) or "inputs" not in values:
        raise UserError('the body must be an object with texts: {"inputs": ["a text", ...]}')
    check_keys("", values, KEYS)
    texts, params = checked_texts(values["inputs"]), checked_params(values.get("params"))
    check_cost(texts, requested_settings(own.model_dump(), params), own)
    return texts, params


async def _unless_gone(request: Request, found: asyncio.Future[list[Served]]) -> list[Served]:
    """What is found. Raises ClientDisconnect where the client leaves before."""
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((found, gone), return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            raise ClientDisconnect
        return found.result()
    finally:
        found.cancel()
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _busy(reason: str) -> HTTPException:
    return HTTPException(
        503, f"{reason}: try again in a moment", headers={"Retry-After": str(RETRY_AFTER_S)}
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # As MLflow's server says it.
    code = {400: "INVALID_PARAMETER_VALUE"}.get(error.status_code)
    return JSONResponse(
        {"error_code": code or HTTPStatus(error.status_code).name, "message": error.detail},
        error.status_code,
        error.headers,
    )


async def _failed(request: Request, error: Exception) -> Response:
    """Of a defect; the server's log has the traceback."""
    message = "the request could not be answered; the server's log says why"
    return JSONResponse({"error_code": "INTERNAL_ERROR", "message": message}, 500)
