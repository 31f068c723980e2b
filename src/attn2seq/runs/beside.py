"""Starts the processes that show a run in MLflow; training itself never waits for MLflow.

Files are the truth and MLflow is a view of them: a follower process reads the training curve from
the file that training writes, and a completion after a stage adds what is missing.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attn2seq.runs.attempt import Attempt
from attn2seq.runs.outage import Outage
from attn2seq.whole import whole_file, write_json
from attn2seq.workspace.door import tells_of_path
from attn2seq.workspace.fingerprint import inputs_fingerprint, inputs_of_workspace, md5_of
from attn2seq.workspace.paths import RAW, SNAPSHOTS, TRAININGS
from attn2seq.workspace.stage import Stage, main_root

SHOW = [sys.executable, "-m", "attn2seq.runs.show"]
# What a follower has after training has ended; what a completion has, which ends itself before (see
# outage.py) if it still can.
PATIENCE_SECONDS = 10
COMPLETION_SECONDS = 120


@contextmanager
def follow(
    stage: Stage,
    train_fingerprint: str,
    machine: Mapping[str, str],
    history: Path,
    speed: Path,
    attempt: Attempt,
) -> Iterator[None]:
    """Show the training curve in MLflow while it grows, from a process of its own."""
    if not wanted(stage.params):
        yield
        return
    if not RAW.exists():
        stage.say(f"not shown in MLflow: {RAW} is not here, and a run's name depends on it too")
        yield
        return
    fingerprint = _fingerprint(stage)
    # The run's inputs as they stand at its start.
    snapshot = main_root() / SNAPSHOTS / f"{fingerprint}.json"
    write_json(
        snapshot,
        {
            "inputs_fingerprint": fingerprint,
            "train_fingerprint": train_fingerprint,
            "attempt": attempt.token,
            "machine": dict(machine),
            "params": stage.params,
            "workspace": str(Path.cwd()),
            "history": str(history.resolve()),
            "speed": str(speed),
            "parent_pid": os.getpid(),
        },
    )
    follower = subprocess.Popen([*SHOW, "--follow", str(snapshot)], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        assert follower.stdin is not None
        follower.stdin.close()  # how the follower learns that training has ended
        try:
            follower.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            follower.kill()
            Outage(main_root(), fingerprint).tell("MLflow is slow")


def remember_training(
    weights: Path,
    train_fingerprint: str,
    machine: Mapping[str, str],
    speed: Path,
    attempt: Attempt,
) -> None:
    """Note which training made these weights, for runs that take them from DVC's cache."""
    note = main_root() / TRAININGS / f"{md5_of(weights)}.json"
    values = {
        "train_fingerprint": train_fingerprint,
        "attempt": attempt.token,
        "machine": dict(machine),
        "seconds": round(attempt.seconds, 1),
        "ended": round(time.time()),
    }
    write_json(note, values)
    # The same inputs may make other weights later, at another speed.
    with whole_file(note.with_suffix(".csv")) as beside:
        shutil.copyfile(speed, beside)


def complete(stage: Stage) -> None:
    """Add to MLflow what the run has after this stage; a failure is said and changes nothing."""
    if not wanted(stage.params):
        return
    command = [*SHOW, "--after", stage.name]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=COMPLETION_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        Outage(main_root(), _fingerprint(stage)).tell("MLflow is slow")


def wanted(params: Mapping[str, Any]) -> bool:
    """Whether params.yaml asks for runs to be shown without being told to, and they can be."""
    section = params.get("track")
    asked = isinstance(section, dict) and section.get("enabled") is True
    return asked and tells_of_path(main_root()) is None


def _fingerprint(stage: Stage) -> str:
    return inputs_fingerprint(inputs_of_workspace(Path.cwd(), stage.params))
