"""Run the benchmarks, each in a process of its own, and keep what they print.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks [NAME ...]

Without a name those that a machine without a GPU can answer, one after the other; one that fails
does not keep the others from running. What a benchmark prints goes to
`benchmarks/results/<date>/<name>.txt` too, below what it was measured on, and stands there only
where the benchmark ended well.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from attn2seq.runs.circumstances import processor
from attn2seq.whole import whole_file
from benchmarks.machine import ROOT, commit

RESULTS = ROOT / "benchmarks" / "results"
SCRIPTS = (
    "training_step",
    "decoding",
    "latency",
    "exported",
    "checkpoints",
    "data_stages",
    "start_up",
    "step_profile",
    "ways",
    "processes",
    "serving",
)
ON_A_GPU = ("gnmt_gpu",)


class FailedError(Exception):
    """A benchmark that did not end well."""


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    names = (*SCRIPTS, *ON_A_GPU)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args(arguments).names or SCRIPTS
    for name in chosen:
        if name not in names:
            parser.error(f"no benchmark {name}; there are {', '.join(names)}")
    heading, failed = measured_on(), []
    for name in chosen:
        print(f"== {name}", flush=True)
        path = RESULTS / date.today().isoformat() / f"{name}.txt"
        try:
            record([sys.executable, "-m", f"benchmarks.{name}"], path, heading)
        except FailedError as error:
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
            failed.append(name)
    return 1 if failed else 0


def record(command: Sequence[str], path: Path, heading: str) -> None:
    """Run the command, and keep the heading and what it prints. Raises FailedError."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    with whole_file(path) as beside, beside.open("w", encoding="utf-8") as file:
        file.write(f"{heading}\n\n")
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                file.write(line)
        if process.returncode:
            raise FailedError(f"it ended with status {process.returncode}")


def measured_on() -> str:
    """The code and the machine that figures belong to."""
    import torch  # after the names are known to be right: it takes seconds

    lines = [
        f"commit: {commit()}",
        f"torch: {torch.__version__}",
        f"CPU: {processor()}",
        f"threads: {torch.get_num_threads()}",
    ]
    if torch.cuda.is_available():
        lines.append(f"GPU: {torch.cuda.get_device_name()}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
