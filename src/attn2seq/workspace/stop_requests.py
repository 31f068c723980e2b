"""Requests to stop a training: Ctrl-C, SIGTERM, or the time that a cluster's job may take."""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from attn2seq.errors import StoppedError, UserError

TIME_LIMIT = "TRAIN_MAX_MINUTES"
# What a job's script can tell from: EX_TEMPFAIL of sysexits.h, come back later.
TIME_IS_UP = 75
SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "asked to stop (SIGTERM)"}


class StopRequests:
    """Notes requests; a training asks for them after each step."""

    def __init__(self, started: float, minutes: float) -> None:
        """`started` is a time of the monotonic clock."""
        self._deadline = started + 60 * minutes
        self._minutes = minutes
        self._signal: int | None = None

    def __call__(self) -> StoppedError | None:
        """The request, if there is one."""
        if self._signal is not None:
            return StoppedError(SIGNALS[signal.Signals(self._signal)], 128 + self._signal)
        if time.monotonic() >= self._deadline:
            return StoppedError(f"the {self._minutes:g} minutes of {TIME_LIMIT} are up", TIME_IS_UP)
        return None

    def note(self, number: int, _: FrameType | None) -> None:
        """A signal's handler. A second signal ends the process at once."""
        self._signal = number
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stop_requests(started: float) -> Iterator[StopRequests]:
    """Requests as they come in while the block runs. Raises UserError."""
    requests = StopRequests(started, _minutes(os.environ.get(TIME_LIMIT)))
    usual = {number: signal.signal(number, requests.note) for number in SIGNALS}
    try:
        yield requests
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _minutes(text: str | None) -> float:
    if text is None or not text.strip():
        return math.inf
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not minutes > 0:
        raise UserError(f"{TIME_LIMIT} must be a number of minutes above 0, got {text!r}")
    return minutes
