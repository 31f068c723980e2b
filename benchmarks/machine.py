"""The code and the machine that figures belong to; nothing that tells whose machine it is."""

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
