"""MLflow out of reach: said once for a run, and never waited for long.

A run looks for MLflow from train, evaluate, report and `make repro`, each in a process of its own.
What one of them met the next ones find noted: they look again, for it may be back, but shortly and
in silence.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attn2seq.errors import UserError
from attn2seq.whole import write_json
from attn2seq.workspace.fingerprint import digest
from attn2seq.workspace.paths import SNAPSHOTS

LATER = "`make track` completes the run later"
# Seconds for a completion as a whole, and for one answer; and the same where the run got none.
WHOLE_S, ANSWER_S = 100.0, 20
WHOLE_AFTER_SILENCE_S, ANSWER_AFTER_SILENCE_S = 20.0, 3


class Outage:
    """What the run of this fingerprint knows of its store's silence; `root` is the main repository.

    An earlier process of the run may have got no answer, or merely too few of them.
    """

    def __init__(self, root: Path, fingerprint: str) -> None:
        # Of the store's address, which may hold a password, a digest will do.
        store = digest(os.environ.get("MLFLOW_TRACKING_URI"))
        self._path = root / SNAPSHOTS / f"{fingerprint}.{store}.outage"

    @property
    def answer_s(self) -> int:
        """Seconds to wait for an answer."""
        return ANSWER_AFTER_SILENCE_S if self._noted().get("no_answer") else ANSWER_S

    def tell(self, text: str, no_answer: bool = False) -> None:
        """Say it unless an earlier process of this run did; from then on it is noted."""
        noted = self._noted()
        if not noted:
            print(f"{text}; {LATER}", file=sys.stderr, flush=True)
        with suppress(OSError, UserError):  # said twice is better than failed
            write_json(self._path, {"said": noted.get("said", text), "no_answer": no_answer})

    def over(self) -> None:
        """Forget it: MLflow answers, or a new training begins."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Ends this process, with status 0, where it takes long: a request may never end."""
        silent = self._noted().get("no_answer") is True
        limit = threading.Timer(WHOLE_AFTER_SILENCE_S if silent else WHOLE_S, self._leave, [silent])
        limit.daemon = True
        limit.start()
        try:
            yield
        finally:
            limit.cancel()

    def _leave(self, silent: bool) -> None:
        self.tell("MLflow is slow", silent)
        os._exit(0)

    def _noted(self) -> dict[str, Any]:
        try:
            values: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values
