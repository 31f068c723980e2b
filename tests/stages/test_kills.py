"""`kill -9` at any moment of training loses nothing: the next start ends in the same bytes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_project import PROJECT


def kill_trainings(project: Path, moments: int, which: str) -> dict[str, Any]:
    script = Path(__file__).with_name("killed_trainings.py")
    paths = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))
    done = subprocess.run(
        [sys.executable, str(script), str(project), str(moments), which],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def record(found: dict[str, Any], record_property: Callable[[str, object], None]) -> int:
    """Notes what the script found; how often it killed before there was a checkpoint."""
    early = found["killed"].pop("before the first checkpoint", 0)
    record_property("faults", sum(found["killed"].values()))
    record_property("of these before the first checkpoint", early)
    for kind, count in found["killed"].items():
        record_property(kind, count)
    record_property("lost", len(found["lost"]))
    assert found["lost"] == []
    assert {"open for writing", "os.rename", "look at dev"} <= found["killed"].keys()
    return int(early)


@pytest.mark.promise("killed")
def test_a_killed_training_ends_in_the_same_bytes(
    built_project: Path, record_property: Callable[[str, object], None]
) -> None:
    found = kill_trainings(built_project, moments=2, which="middle")
    record(found, record_property)


@pytest.mark.long
@pytest.mark.promise("killed")
def test_a_training_killed_within_each_operation(
    built_project: Path, record_property: Callable[[str, object], None]
) -> None:
    found = kill_trainings(built_project, moments=40, which="every")
    assert record(found, record_property)
    # Few moments may all lie behind the end of so short a training.
    assert found["killed"]["random moment"]
