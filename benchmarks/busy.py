"""Training steps beside a busy process, by how torch's threads wait for each other.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.busy [WORKSPACE]

Two threads that wait by spinning hold the processors that the others need. Each way is a process of
its own, because OpenMP reads its settings when torch is loaded; ways take turns, alone and beside
one process that only counts. Target tokens a second of R1, or of the model of a workspace whose
stages have run up to tokenize: medians of the turns; `kept` is the share of its own speed alone,
and `of default` that of the first way's.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from attn2seq.model.device import cpu_threads, tune_cpu
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, measure

# torch's wheels for Linux bring GNU's OpenMP; a spin is a look at whether the wait is over.
WAYS: dict[str, tuple[int, dict[str, str]]] = {
    "default": (2, {}),
    "passive": (2, {"OMP_WAIT_POLICY": "passive"}),
    "1,000 spins": (2, {"GOMP_SPINCOUNT": "1000"}),
    "20,000 spins": (2, {"GOMP_SPINCOUNT": "20000"}),
    "one thread": (1, {}),
}
TURNS, SENTENCES = 3, 64
COUNTING = [sys.executable, "-c", "while True: pass"]


def main(place: Path) -> None:
    speeds: dict[tuple[str, bool], list[float]] = {}
    for _ in range(TURNS):
        for busy in (False, True):
            counting = subprocess.Popen(COUNTING) if busy else None
            try:
                for way in WAYS:
                    speeds.setdefault((way, busy), []).append(_measured(place, way))
            finally:
                if counting is not None:
                    counting.kill()
                    counting.wait()
    medians = {key: statistics.median(values) for key, values in speeds.items()}
    columns = f"{'alone':>9}{'of default':>11}{'beside':>9}{'of default':>11}{'kept':>7}"
    print(f"{'waiting':14}{columns}")
    for way in WAYS:
        alone, beside = (medians[way, busy] for busy in (False, True))
        print(
            f"{way:14}{alone:>9,.0f}{alone / medians['default', False]:>11.2f}"
            f"{beside:>9,.0f}{beside / medians['default', True]:>11.2f}{beside / alone:>7.2f}",
            flush=True,
        )


def _measured(place: Path, way: str) -> float:
    """Target tokens a second, from a process of its own."""
    _, changes = WAYS[way]
    command = [sys.executable, "-m", "benchmarks.busy", "--way", way, str(place)]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    ended = subprocess.run(
        command, env=environment | changes, stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    return float(ended.stdout)


def _measure(place: Path, threads: int) -> float:
    tune_cpu()
    watch = Watch(warm_up=6, windows=3, steps=3)
    with cpu_threads(threads):
        return measure(place, SENTENCES, False, watch).tokens_per_second


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", nargs="?", type=Path, help="whose model to train")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        print(_measure(given.workspace, WAYS[given.way][0]))
    else:
        main(given.workspace or r1_place())
