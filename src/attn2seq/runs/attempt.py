"""One attempt at a training, from its first step to its end, however often it is interrupted.

While it lasts nobody knows what will come of it. Its token links the run that MLflow shows
meanwhile to the weights that are made in the end: others may train from the same inputs at the same
time.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from attn2seq.errors import UserError
from attn2seq.whole import write_json
from attn2seq.workspace.paths import SNAPSHOTS


@dataclass(frozen=True)
class Attempt:
    """A training that goes on."""

    token: str
    earlier_s: float  # what it took before it was interrupted
    resumed_at: float  # a time of the monotonic clock

    @property
    def seconds(self) -> float:
        """What it has taken until now, without the time between an interruption and its resume."""
        return self.earlier_s + time.monotonic() - self.resumed_at


@contextmanager
def attempt(root: Path, train_fingerprint: str, resumed: bool) -> Iterator[Attempt]:
    """The attempt that is `resumed`, or a new one; `root` is the main repository."""
    path = root / SNAPSHOTS / f"{train_fingerprint}.attempt.json"
    noted: dict[str, Any] = {}
    with suppress(OSError, ValueError):  # without the note it counts as another attempt
        noted = json.loads(path.read_text(encoding="utf-8")) if resumed else {}
    going_on = Attempt(
        noted.get("token", uuid4().hex[:16]), noted.get("seconds", 0.0), time.monotonic()
    )
    _note(path, going_on)
    try:
        yield going_on
    finally:
        with suppress(OSError, UserError):  # on a full disk, what stopped the training is the news
            _note(path, going_on)


def _note(path: Path, going_on: Attempt) -> None:
    write_json(path, {"token": going_on.token, "seconds": round(going_on.seconds, 1)})
