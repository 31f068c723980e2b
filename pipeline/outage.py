"""MLflow out of reach: bounded in time, and said once for a run.

A run looks for MLflow from train, evaluate, report and `make repro`, each in a process of its own.
What one of them met the next ones find noted: they look again, for it may be back, but shortly and
in silence.
"""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.runs import Completed, RunRecord, Store, TrackingUnavailableError
from attn2seq.tracking import Tracker
from attn2seq.whole import write_json
from pipeline.fingerprint import digest

# Seconds for a completion as a whole, and for one answer; and the same after an outage.
WHOLE_S, ANSWER_S = 100.0, 20
WHOLE_AFTER_OUTAGE_S, ANSWER_AFTER_OUTAGE_S = 20.0, 3
LATER = "`make track` completes the run later"


class Outage:
    """What a run knows of its store's silence."""

    def __init__(self, cache: Path, fingerprint: str, store: Store) -> None:
        """`cache` is the main repository's `.cache`."""
        # The address may hold a password.
        self._path = cache / "runs" / f"{fingerprint}.{digest(store.uri)}.outage"

    @property
    def known(self) -> bool:
        """Whether an earlier process of this run met it."""
        return self._path.exists()

    def tell(self, text: str) -> None:
        """Say it unless it is known; from then on it is."""
        if not self.known:
            print(f"{text}; {LATER}", file=sys.stderr, flush=True)
            with suppress(OSError, UserError):  # said twice is better than failed
                write_json(self._path, {"said": text})

    def over(self) -> None:
        """Forget it: MLflow answers, or a new training begins."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def complete_within_limits(record: RunRecord, store: Store, outage: Outage) -> Completed | None:
    """`Tracker.complete`, bounded; None where the store did not answer, which is told here.

    Past the limit as a whole it ends this process, with status 0: a request may never end.
    """
    known = outage.known
    limit = threading.Timer(WHOLE_AFTER_OUTAGE_S if known else WHOLE_S, _leave, [outage])
    limit.daemon = True
    limit.start()
    try:
        tracker = Tracker(store, ANSWER_AFTER_OUTAGE_S if known else ANSWER_S)
        completed = tracker.complete(record)
    except TrackingUnavailableError as error:
        outage.tell(str(error))
        return None
    finally:
        limit.cancel()
    outage.over()
    return completed


def _leave(outage: Outage) -> None:
    outage.tell("MLflow is slow")
    os._exit(0)
