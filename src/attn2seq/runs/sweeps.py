"""Which experiments were run together: noted in .cache/sweeps, a file for each sweep.

MLflow shows a sweep as a parent run with its children. The note outlives the database, so that
`make track ALL=1` puts the children under their parent again.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from attn2seq.whole import write_json


def note_sweep(cache: Path, what: str, experiments: Sequence[str]) -> str:
    """Note a sweep of these experiments; its name, `sweep 3: learning_rate`.

    `cache` is the main repository's `.cache`.
    """
    number = 1
    while (path := cache / "sweeps" / f"{number}.json").exists():
        number += 1
    name = f"sweep {number}: {what}"
    write_json(path, {"name": name, "experiments": list(experiments)})
    return name


def sweep_of(cache: Path, experiment: str | None) -> str | None:
    """The name of the sweep that the DVC experiment belongs to, if any."""
    if experiment is None:
        return None
    for path in (cache / "sweeps").glob("*.json"):
        sweep = json.loads(path.read_text(encoding="utf-8"))
        if experiment in sweep["experiments"]:
            return str(sweep["name"])
    return None
