"""Kill the train stage for real, start it again, and compare the bytes.

    python killed_trainings.py PROJECT MOMENTS every|middle

PROJECT is a folder in which all stages ran. Prints one JSON object: how often training was killed,
where, and how often another result came out. A parent that has imported everything forks each
training, so that one costs its steps alone.

Two kinds of kills: at MOMENTS random times; and inside the operations on files (opened for writing,
renamed, removed) and looks at dev that one training does: all, or the middle one of each kind.
"""

import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pipeline.train
from attn2seq.training import loop
from attn2seq.workspace.stage import run_stage

RESULTS = ("models/trained/model.safetensors", "results/train/history.csv")
WATCHED = {"open", "os.rename", "os.remove", "os.mkdir"}


class Killer:
    """Ends this process as `kill -9` does, within the operation of the given number."""

    def __init__(self, number: int | None, note: Path | None = None) -> None:
        self.number, self.note, self.seen = number, note, 0

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python just before each operation; reading is none that counts."""
        if event not in WATCHED or "/.cache/timings" in str(arguments[0]):
            return
        if event != "open":
            self.count(event)
        elif isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self.count("open for writing")

    def count(self, kind: str) -> None:
        if self.note:
            with_kind = (kind + "\n").encode()
            os.write(NOTES, with_kind)
        if self.seen == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen += 1


def train_in_child(prepare: Callable[[], None] = lambda: None) -> int:
    """Fork a training, in a process group of its own; its process id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    status = 1
    try:
        prepare()
        run_stage("train", pipeline.train.main)
        status = 0
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        os._exit(status)


def armed(killer: Killer) -> Callable[[], None]:
    def prepare() -> None:
        evaluate_pairs = loop.evaluate_pairs

        def look(*arguments: Any) -> Any:
            killer.count("look at dev")
            return evaluate_pairs(*arguments)

        loop.evaluate_pairs = look  # type: ignore[assignment]
        sys.addaudithook(killer.audit)

    return prepare


def clear(checkpoints_too: bool) -> None:
    """What DVC does before a stage runs; and a fresh start."""
    for folder in ("models", "results/train", *([".cache/checkpoints"] if checkpoints_too else [])):
        shutil.rmtree(folder, ignore_errors=True)


def digests() -> list[str]:
    return [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in RESULTS]


def ended_well(child: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def survives(kill: Callable[[], bool]) -> tuple[bool, bool]:
    """Whether a kill hit, and whether the training that went on ended in the same bytes."""
    clear(checkpoints_too=True)
    hit = kill()
    if not list(Path(".cache/checkpoints").glob("*/step-*.pt")):
        outcomes["before the first checkpoint"] += 1
    clear(checkpoints_too=False)
    return hit, ended_well(train_in_child()) and digests() == EXPECTED


def kill_after(seconds: float) -> bool:
    child = train_in_child()
    time.sleep(seconds)
    os.killpg(child, signal.SIGKILL)
    return not ended_well(child)


importlib.import_module("torch._dynamo")  # an optimizer does, which takes longer than its steps
os.chdir(sys.argv[1])
moments, which = int(sys.argv[2]), sys.argv[3]
clear(checkpoints_too=True)
started = time.monotonic()
assert ended_well(train_in_child())
duration = time.monotonic() - started
EXPECTED = digests()

# Which operations one training has, told by a training that is not killed.
clear(checkpoints_too=True)
reader, NOTES = os.pipe()
assert ended_well(train_in_child(armed(Killer(None, note=Path("x")))))
os.close(NOTES)
with os.fdopen(reader) as notes:
    kinds = notes.read().split("\n")[:-1]

outcomes: Counter[str] = Counter()
lost: list[str] = []
for number, kind in enumerate(kinds):
    alike = [place for place, other in enumerate(kinds) if other == kind]
    if which == "middle" and number != alike[len(alike) // 2]:
        continue

    def inside(number: int = number) -> bool:
        return not ended_well(train_in_child(armed(Killer(number))))

    hit, same = survives(inside)
    assert hit, f"operation {number} ({kinds[number]}) was not reached"
    outcomes[kinds[number]] += 1
    if not same:
        lost.append(f"operation {number}: {kinds[number]}")

draw = random.Random(20261121)
for place in range(moments):
    # One in each slice of the whole time, so that all of it is met, the start too.
    seconds = duration * (place + draw.random()) / moments
    hit, same = survives(lambda seconds=seconds: kill_after(seconds))  # type: ignore[misc]
    outcomes["random moment" if hit else "random moment, training was over"] += 1
    if not same:
        lost.append(f"after {seconds:.2f} of {duration:.2f} s")

print(json.dumps({"operations": len(kinds), "killed": outcomes, "lost": lost}))
