"""Seconds from the call of `attn2seq translate` to its first line, beyond `import torch`.

    PYTHONPATH=src python -m benchmarks.start_up [MODEL]

`MODEL` is a folder with a trained model, models/model if none is named. Medians of repeats, taken
in turn so that all see the same load.
"""

import statistics
import subprocess
import sys
import time

REPEATS = 7


def main(model: str) -> None:
    python = [sys.executable, "-c", "import torch"]
    command = [sys.executable, "-m", "pipeline.command"]
    commands = {
        "import torch": python,
        "attn2seq --help": [*command, "--help"],
        "attn2seq translate": [*command, "translate", "--model", model, "a dog"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(REPEATS + 1):
        for name, words in commands.items():
            started = time.perf_counter()
            if (ended := subprocess.run(words, capture_output=True, text=True)).returncode:
                raise SystemExit(f"{name} failed: {ended.stderr.strip()}")
            seconds[name].append(time.perf_counter() - started)
    # The first round brings the files into memory.
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name:20}{median:>7.2f} s")
    beyond = medians["attn2seq translate"] - medians["import torch"]
    print(f"{'beyond import torch':20}{beyond:>7.2f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/model")
