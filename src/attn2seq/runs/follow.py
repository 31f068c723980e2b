"""Shows a training's curves in MLflow while they grow, from a process beside it.

Training knows nothing of it: it appends to history.csv, this reads what it finds there. Whatever
happens here, training goes on; what is not sent now, `make track` sends later.
"""

import json
import logging
import os
import select
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from attn2seq.runs.circumstances import Circumstances, circumstances
from attn2seq.runs.collect import curve_points, speed_points, started_record
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.outage import Outage
from attn2seq.runs.record import Store, StoreUnavailableError

PAUSE_S = 3.0
SAMPLING_S = 5  # between two looks at the machine
REQUEST_TIMEOUT_S = 3  # short beside a training
# After so many requests in a row without an answer it gives up.
PATIENCE = 3

# Waits for so many seconds, or less where training ends; whether it has ended.
Ended = Callable[[float], bool]


def follow_training(snapshot: Path, store: Store, root: Path) -> None:
    """Follow the training of a snapshot until it ends; a store that is down is told."""
    # Ctrl-C reaches the whole group; here the end of the input says all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outage = Outage(root, json.loads(snapshot.read_text("utf-8"))["inputs_fingerprint"])
    outage.over()
    try:
        follow(snapshot, Runs(store, REQUEST_TIMEOUT_S), circumstances(Path.cwd()), input_ended)
    except StoreUnavailableError as error:
        outage.tell(str(error), no_answer=True)


def follow(path: Path, runs: Runs, about: Circumstances, ended: Ended) -> None:
    """Send the rows of a snapshot's files until `ended`. Raises StoreUnavailableError."""
    snapshot = json.loads(path.read_text(encoding="utf-8"))
    begun = path.stat().st_mtime
    run_id = runs.complete(started_record(snapshot, about)).run_id
    runs.reopen(run_id)
    wanted = snapshot["params"]["track"].get("system_metrics") is True
    with _system_metrics(runs, run_id) if wanted else nullcontext():
        _send_until(ended, runs, run_id, snapshot, begun)
    # Training writes its metrics last: without them it was stopped.
    whole = _newer(Path(snapshot["history"]).with_name("metrics.json"), begun)
    runs.end(run_id, "FINISHED" if whole else "KILLED")


@contextmanager
def _system_metrics(runs: Runs, run_id: str) -> Iterator[None]:
    """Show meanwhile, as `system/...`, how busy this machine is."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)  # a GPU is no must
    with runs.answering():
        monitor = SystemMetricsMonitor(
            run_id, SAMPLING_S, resume_logging=True, tracking_uri=runs.store.uri
        )
        monitor.start()
    try:
        yield
    finally:
        monitor.finish()


def _send_until(
    ended: Ended, runs: Runs, run_id: str, snapshot: Mapping[str, Any], begun: float
) -> None:
    history, speed = Path(snapshot["history"]), Path(snapshot["speed"])
    failures, last = 0, False
    while not last:
        # A child of the training process may hold the input open when that is gone.
        last = ended(PAUSE_S) or os.getppid() != snapshot["parent_pid"]
        try:
            # A file that training has not touched yet may be another run's.
            if _newer(history, begun):
                runs.add_points(run_id, [*curve_points(history), *speed_points(speed)])
            failures = 0
        except StoreUnavailableError:
            failures += 1
            if last or failures == PATIENCE:
                raise


def input_ended(seconds: float) -> bool:
    """Whether standard input, which the training process holds open, ends within the time."""
    readable, _, _ = select.select([0], [], [], seconds)
    return bool(readable) and not os.read(0, 1024)


def _newer(path: Path, time_s: float) -> bool:
    return path.exists() and path.stat().st_mtime >= time_s
