"""Run the benchmarks, each in a process of its own, and keep what they print.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks [NAME ...]

Without a name those that a machine without a GPU can answer, one after the other; one that fails
does not keep the others from running. What a benchmark prints goes to
`benchmarks/results/<date>/<name>.txt` too, below what it was measured on, and stands there only
where the benchmark ended well.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from attn2seq.whole import whole_file

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SCRIPTS = (
    "training_step",
    "decoding",
    "latency",
    "data_stages",
    "start_up",
    "step_profile",
    "ways",
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
    """The code and the machine that figures belong to; nothing that tells whose machine it is."""
    import torch  # after the names are known to be right: it takes seconds

    lines = [
        f"commit: {_commit()}",
        f"torch: {torch.__version__}",
        f"CPU: {_cpu_model()}",
        f"threads: {torch.get_num_threads()}",
    ]
    if torch.cuda.is_available():
        lines.append(f"GPU: {torch.cuda.get_device_name()}")
    return "\n".join(lines)


def _commit() -> str:
    """The hash, and whether the code differs from it. Results written meanwhile are no code."""
    code = ["benchmarks/*.py", "pipeline", "src", "recipes", "data/catalogue"]
    try:
        commit, changes = (
            subprocess.run(
                ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--short", "--", *code])
        )
    except (OSError, subprocess.CalledProcessError):
        return "not known"
    return f"{commit}, with changes" if changes else commit


def _cpu_model() -> str:
    """As Linux names it, or else what Python knows."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
