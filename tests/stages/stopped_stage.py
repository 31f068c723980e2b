"""The training of a running `dvc repro`, stopped as soon as it has begun: time to do something."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tiny_repository import Repository


def stopped_training(repository: Repository, running: subprocess.Popen[str]) -> int:
    """The process of the train stage as soon as it has begun, stopped with SIGSTOP."""
    holder = repository.root / ".cache/stage.json"
    while running.poll() is None:
        values = _read(holder)
        if values.get("stage") == "train":
            with suppress(ProcessLookupError):  # the note of a training that has ended
                os.kill(values["pid"], signal.SIGSTOP)
                return int(values["pid"])
        time.sleep(0.005)
    running.kill()
    raise AssertionError("training was not seen to begin")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
