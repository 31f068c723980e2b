"""`dvc repro` and every process that it began, killed at random moments of whichever stage."""

import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from finished_steps import Brief, stages_run
from shown_runs import shown_runs
from tiny_repository import Repository

KILLS, LONGEST_S = 20, 15.0


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.promise("dvc killed")
def test_dvc_repro_killed_at_random_moments(
    brief: Brief,
    unbuilt: Repository,
    three_epochs: Path,
    record_property: Callable[[str, object], None],
) -> None:
    draw, killed_in = random.Random(20261121), Counter[str]()
    while killed_in.total() < KILLS:
        process = unbuilt.start("python", "-m", "dvc", "repro")
        try:
            said, _ = process.communicate(timeout=draw.uniform(1, LONGEST_S))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            killed_in[(stages_run(said) or ["before any stage"])[-1]] += 1
        else:
            assert process.returncode == 0, said
            assert unbuilt.digests() == brief.digests
            shutil.rmtree(unbuilt.root)  # and once more from the start
            shutil.copytree(three_epochs, unbuilt.root, symlinks=True)
    said = unbuilt.dvc("repro")
    record_property("faults", killed_in.total())
    for stage, count in killed_in.items():
        record_property(stage, count)
    record_property("lost", int(unbuilt.digests() != brief.digests))
    assert unbuilt.digests() == brief.digests
    assert stages_run(unbuilt.dvc("repro")) == []
    unbuilt.run("python", "-m", "attn2seq.runs.show")
    (run,) = shown_runs(unbuilt.root)
    assert run.status == "FINISHED"
    assert run.artifacts == brief.run.artifacts
