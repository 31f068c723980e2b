"""Shows a training's curves in MLflow while they grow, from a process beside it.

Training knows nothing of it: it appends to history.csv, this reads what it finds there. Whatever
happens here, training goes on; what is not sent now, `make track` sends later.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from attn2seq.runs.collect import Circumstances, curve_points, speed_points, started_record
from attn2seq.runs.mlflow_store import Status, Tracker
from attn2seq.runs.outage import Outage
from attn2seq.runs.record import Point, TrackingUnavailableError

PAUSE_S = 3.0
# After so many requests in a row without an answer it gives up.
PATIENCE = 3
# What is left of its time after training has ended.
LAST_WORDS_S = 8.0


class NewPoints:
    """The points that MLflow lacks: asked once for each metric, known from then on."""

    def __init__(self, tracker: Tracker, run_id: str) -> None:
        self._tracker, self._run_id = tracker, run_id
        self._there: dict[str, set[int]] = {}
        self._batch: list[Point] = []
        self._time_ms = 0

    def send(self, points: Iterable[Point]) -> None:
        """Send what is new; a batch that got no answer is sent again as it was."""
        if self._batch:
            self._send_batch()
        self._batch = [point for point in points if point.step not in self._steps(point.key)]
        self._time_ms = int(time.time() * 1000)
        self._send_batch()

    def _steps(self, key: str) -> set[int]:
        if key not in self._there:
            self._there[key] = self._tracker.steps_there(self._run_id, key)
        return self._there[key]

    def _send_batch(self) -> None:
        self._tracker.send(self._run_id, self._batch, self._time_ms)
        for point in self._batch:
            self._there[point.key].add(point.step)
        self._batch = []


def follow(path: Path, tracker: Tracker, about: Circumstances, ended: threading.Event) -> None:
    """Send the rows of a snapshot's files until `ended`. Raises TrackingUnavailableError."""
    snapshot = json.loads(path.read_text(encoding="utf-8"))
    begun = path.stat().st_mtime
    history = Path(snapshot["history"])
    run_id = tracker.complete(started_record(snapshot, about)).run_id
    tracker.reopen(run_id)
    with _system_metrics(tracker, run_id, snapshot["params"]["track"]):
        _send_until(ended, NewPoints(tracker, run_id), snapshot, begun)
    tracker.end(run_id, _outcome(history.with_name("metrics.json"), begun))


def _send_until(
    ended: threading.Event, new: NewPoints, snapshot: Mapping[str, Any], begun: float
) -> None:
    history, speed = Path(snapshot["history"]), Path(snapshot["speed"])
    failures, last = 0, False
    while not last:
        last = ended.wait(PAUSE_S) or _gone(snapshot["parent_pid"])
        try:
            # A file that training has not touched yet may be another run's.
            if _newer(history, begun):
                new.send([*curve_points(history), *speed_points(speed)])
            failures = 0
        except TrackingUnavailableError:
            failures += 1
            if last or failures == PATIENCE:
                raise


def _system_metrics(
    tracker: Tracker, run_id: str, settings: Mapping[str, Any]
) -> AbstractContextManager[None]:
    wanted = settings.get("system_metrics") is True
    return tracker.system_metrics(run_id) if wanted else nullcontext()


def watch_stdin(outage: Outage) -> threading.Event:
    """An event for the end of standard input, which the training process holds open.

    From then on this process has a few seconds: it ends itself rather than be waited for.
    """
    ended = threading.Event()
    # Ctrl-C reaches the whole group; here the end of the input says all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        # Not through sys.stdin, whose lock would hold up the end of this process.
        while os.read(0, 1024):
            pass
        ended.set()
        time.sleep(LAST_WORDS_S)
        outage.tell("MLflow is slow")
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
    return ended


def _newer(path: Path, time_s: float) -> bool:
    return path.exists() and path.stat().st_mtime >= time_s


def _outcome(metrics: Path, begun: float) -> Status:
    """Training writes its metrics last: without them it was stopped."""
    return "FINISHED" if _newer(metrics, begun) else "KILLED"


def _gone(pid: int) -> bool:
    """Whether the training process has ended; a child of it may still hold the pipe open."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
