"""MLflow out of reach, said once for a run.

A run looks for MLflow from train, evaluate, report and `make repro`, each in a process of its own.
What one of them met the next ones find noted: they look again, for it may be back, but shortly and
in silence.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from attn2seq.errors import UserError
from attn2seq.whole import write_json
from attn2seq.workspace.fingerprint import digest

LATER = "`make track` completes the run later"


class Outage:
    """What the run of this fingerprint knows of its store's silence."""

    def __init__(self, cache: Path, fingerprint: str) -> None:
        """`cache` is the main repository's `.cache`."""
        # Of the store's address, which may hold a password, a digest will do.
        store = digest(os.environ.get("MLFLOW_TRACKING_URI"))
        self._path = cache / "runs" / f"{fingerprint}.{store}.outage"

    @property
    def no_answer(self) -> bool:
        """Whether an earlier process of this run got no answer, not merely too few."""
        return self._noted().get("no_answer") is True

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

    def _noted(self) -> dict[str, Any]:
        try:
            values: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values
