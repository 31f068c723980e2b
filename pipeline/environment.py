"""Imported first by the stages code and check: ends them where `python` cannot run the stages.

DVC removes a stage's outputs before it runs the stage's command. It runs these two before others,
so that another Python is found out before the outputs of stages that take long are gone. Without
DVC nothing is removed, and a machine may have just the packages of one stage.
"""

import os
import sys
from importlib import metadata
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
REMEDY = (
    "run `source .venv/bin/activate` and again `dvc repro`, or `make repro`, which takes the "
    "environment's Python"
)


def fault_of_python(pyproject: Path) -> "str | None":  # an older Python must be able to read this
    """What this Python lacks: its version, or packages that the project depends on."""
    if sys.version_info < (3, 11):  # noqa: UP036
        return "is older than 3.11"
    if not pyproject.is_file():
        return None  # it cannot be told
    import re
    import tomllib

    with pyproject.open("rb") as file:
        needed = tomllib.load(file)["project"]["dependencies"]
    names = [re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0] for line in needed]
    lacking = [name for name in names if not _is_installed(name)]
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    return f"lacks the packages {', '.join(lacking[:3])}{more}" if lacking else None


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


if "DVC_STAGE" in os.environ and (fault := fault_of_python(PYPROJECT)):
    sys.exit(f"error: the Python that runs the stages, {sys.executable}, {fault}: {REMEDY}")
