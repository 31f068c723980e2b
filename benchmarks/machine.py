"""The code and the machine that figures belong to; nothing that tells whose machine it is."""

import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("benchmarks/*.py", "pipeline", "src", "recipes", "data/catalogue")


def commit() -> str:
    """The hash, with `-dirty` where the code differs from it. Results written since are no code."""
    try:
        head, changes = (
            subprocess.run(
                ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=7", "HEAD"], ["status", "--short", "--", *CODE])
        )
    except (OSError, subprocess.CalledProcessError):
        return "not known"
    return f"{head}-dirty" if changes else head


def cpu_model() -> str:
    """As Linux names it, or else what Python knows."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
