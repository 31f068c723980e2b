"""All parts, each in a process of its own with a time limit, and a table of what came of them.

    benchmarks/gpu/run.sh [--out FOLDER] [--rehearse] [PART ...]

The table goes to the screen and to FOLDER/table.txt, what the parts print to FOLDER/log.txt; some
leave a file of their own. The whole ends within 8 minutes: a part that would go beyond its limit
is stopped, and the next one starts. `--rehearse` tries all parts with small sizes on a CPU.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

from benchmarks.gpu import PLACES
from benchmarks.machine import ROOT

SECONDS = 475.0  # of all parts together
REHEARSAL_SECONDS = 3600.0
LEAST_SECONDS = 5.0


@dataclass(frozen=True)
class Part:
    """One row of the table."""

    name: str
    seconds: float  # at most
    words: tuple[str, ...]  # python's


PARTS = (
    Part("machine", 15, ("-m", "benchmarks.gpu.look")),
    Part("tests", 70, ("-m", "pytest", "-n", "0", "-rfE", "tests/gpu")),
    Part("repeat", 75, ("-m", "benchmarks.gpu.repeat")),
    Part("default", 40, ("-m", "benchmarks.gpu.corpus", "default")),
    Part("latency", 25, ("-m", "benchmarks.gpu.latency")),
    Part("profile", 30, ("-m", "benchmarks.gpu.steps")),
    Part("gnmt", 75, ("-m", "benchmarks.gnmt_gpu")),
    # The longest one last: it gets what the others have left.
    Part("multi30k", 250, ("-m", "benchmarks.gpu.corpus", "multi30k")),
)


@dataclass
class Outcome:
    """How a part ended."""

    part: Part
    seconds: float
    status: str  # ok, failed (with the exit status), stopped, left out
    findings: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 where a part failed or was stopped."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu/run.sh")
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=PLACES / "out", help="where all is written to")
    parser.add_argument("--rehearse", action="store_true", help="small, on a CPU")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GPU_OUT": str(out), "PYTHONUNBUFFERED": "1"}
    # Before what is there already: it holds the packages that were carried.
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    if options.rehearse:
        environment["GPU_REHEARSAL"] = "1"
    left = REHEARSAL_SECONDS if options.rehearse else SECONDS
    outcomes = []
    with (out / "log.txt").open("w", encoding="utf-8") as log:
        for part in PARTS:
            if options.parts and part.name not in options.parts:
                continue
            limit = left if options.rehearse else min(part.seconds, left)
            outcome = run(part, limit, environment, log, options.rehearse)
            left -= outcome.seconds
            outcomes.append(outcome)
            # Each time: what follows may be cut short from outside.
            (out / "table.txt").write_text(table(outcomes), encoding="utf-8")
    print(f"\n{table(outcomes)}", flush=True)
    return any(outcome.status != "ok" for outcome in outcomes)


def run(
    part: Part, limit: float, environment: dict[str, str], log: TextIO, rehearse: bool
) -> Outcome:
    """The part in a process group of its own, which is killed at the limit."""
    print(f"== {part.name}, at most {limit:.0f} s", flush=True)
    if limit < LEAST_SECONDS:
        return Outcome(part, 0, "left out: no time")
    words = (*part.words, "--tiny") if rehearse and part.name == "gnmt" else part.words
    started = time.monotonic()
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        with subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT, env=environment, stdout=said, stderr=said, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                status = process.wait(limit)
                ended = "ok" if status == 0 else f"failed ({status})"
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                ended = "stopped at its limit"
        said.seek(0)
        text = said.read()
    log.write(f"== {part.name}\n{text}\n")
    log.flush()
    lines = text.splitlines()
    outcome = Outcome(part, time.monotonic() - started, ended, findings(part, lines))
    print("\n".join(outcome.findings if ended == "ok" else lines[-25:]), flush=True)
    return outcome


def findings(part: Part, lines: Sequence[str]) -> list[str]:
    """What the table shows: lines that are marked, all of a benchmark's, the last of pytest's."""
    if part.name == "gnmt":
        return [line for line in lines if "%" in line or "weights" in line]
    if part.name == "tests":
        return [line for line in lines if line.startswith("FAILED") or " in " in line][-8:]
    return [line.removeprefix("= ") for line in lines if line.startswith("= ")]


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each part, its findings below it."""
    rows = [f"{'part':10}{'s':>6}  outcome"]
    for outcome in outcomes:
        rows.append(f"{outcome.part.name:10}{outcome.seconds:>6.0f}  {outcome.status}")
        rows += [f"{'':18}{finding}" for finding in outcome.findings]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
