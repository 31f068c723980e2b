"""Seconds from the call of `attn2seq translate` to its first line, beyond `import torch`.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.start_up [MODEL]

`MODEL` is a folder with a trained model; without it R1 is, trained for 1,500 steps at the first
call. Medians of repeats, taken in turn so that all see the same load, and their ratio to
`import torch`, below which no command that needs it can come.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.r1 import r1_trained

REPEATS = 7


def main(model: Path) -> None:
    attn2seq = [sys.executable, "-m", "attn2seq.cli.main"]
    medians = measure(
        {
            "import torch": [sys.executable, "-c", "import torch"],
            "attn2seq --help": [*attn2seq, "--help"],
            "attn2seq translate": [*attn2seq, "translate", "--model", str(model), "a dog"],
        }
    )
    limit = medians["import torch"]
    print(f"medians of {REPEATS} calls")
    print(f"{'':20}{'seconds':>9}{'beyond':>8}{'ratio':>7}")
    for name, seconds in medians.items():
        print(f"{name:20}{seconds:>9.2f}{seconds - limit:>8.2f}{seconds / limit:>7.2f}")


def measure(commands: dict[str, list[str]]) -> dict[str, float]:
    """The median seconds of each command."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(REPEATS + 1):
        for name, words in commands.items():
            started = time.perf_counter()
            if (ended := subprocess.run(words, capture_output=True, text=True)).returncode:
                raise SystemExit(f"{name} failed: {ended.stderr.strip()}")
            seconds[name].append(time.perf_counter() - started)
    # The first round brings the files into memory.
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Seconds until attn2seq writes its first line.")
    parser.add_argument("model", nargs="?", type=Path, help="a folder; default: R1 is trained")
    main(parser.parse_args().model or r1_trained() / "models" / "trained")
