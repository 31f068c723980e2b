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

PROMISE = "A training that is killed at any moment goes on and ends in the same bytes"


def kill_trainings(project: Path, moments: int, stride: int) -> dict[str, Any]:
    script = Path(__file__).with_name("killed_trainings.py")
    paths = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))
    done = subprocess.run(
        [sys.executable, str(script), str(project), str(moments), str(stride)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.promise(PROMISE)
def test_a_killed_training_ends_in_the_same_bytes(
    built_project: Path, record_property: Callable[[str, object], None]
) -> None:
    found = kill_trainings(built_project, moments=20, stride=3)
    record_property("killed", sum(found["killed"].values()))
    record_property("lost", len(found["lost"]))
    assert found["lost"] == []
    kinds = {"open for writing", "os.rename", "look at dev", "random moment"}
    assert kinds <= found["killed"].keys()


@pytest.mark.long
@pytest.mark.promise(PROMISE)
def test_a_training_killed_within_each_operation(
    built_project: Path, record_property: Callable[[str, object], None]
) -> None:
    found = kill_trainings(built_project, moments=100, stride=1)
    record_property("killed", sum(found["killed"].values()))
    record_property("lost", len(found["lost"]))
    assert found["lost"] == []
