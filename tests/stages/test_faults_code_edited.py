"""Edits while a run goes on: no result is recorded under code or params it did not follow from."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from finished_steps import Brief, stages_run
from ruamel.yaml import YAML
from stopped_stage import stopped_training
from tiny_repository import Repository

EDITED = "src/attn2seq/config.py"


@pytest.mark.promise("edited")
def test_code_edited_while_the_stage_still_imports(unbuilt: Repository) -> None:
    process = unbuilt.start("python", "-m", "pipeline.train")
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process has loaded")
    while "libtorch" not in maps.read_text() and process.poll() is None:
        time.sleep(0.01)
    # Stopped, so that the edit is sure to come before the imports end.
    os.kill(process.pid, signal.SIGSTOP)
    append_code(unbuilt.root / EDITED)
    os.kill(process.pid, signal.SIGCONT)
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert f"train: error: edited while the stage began: {EDITED}. What it has loaded" in said


@pytest.mark.promise("edited")
@pytest.mark.long
def test_code_and_later_params_edited_while_training_runs(
    brief: Brief, unbuilt: Repository
) -> None:
    first = unbuilt.start("python", "-m", "dvc", "repro")
    training = stopped_training(unbuilt, first)
    sound = (unbuilt.root / EDITED).read_bytes()
    append_code(unbuilt.root / EDITED)
    os.kill(training, signal.SIGCONT)
    said, _ = first.communicate()
    assert first.returncode == 255, said
    # Which of the two depends on how far the stage had come when it was stopped.
    told = [
        f"edited while the stage began: {EDITED}.",
        "edited while the stage ran: attn2seq.config.",
    ]
    assert any(text in said for text in told), said
    assert "train" not in stages_in_lock(unbuilt)
    (unbuilt.root / EDITED).write_bytes(sound)

    second = unbuilt.start("python", "-m", "dvc", "repro")
    training = stopped_training(unbuilt, second)
    unbuilt.set_params({"decode.beam_size": 3})
    os.kill(training, signal.SIGCONT)
    said, _ = second.communicate()
    assert second.returncode == 0, said
    lock = stages_in_lock(unbuilt)
    assert lock["decode"]["params"]["params.yaml"]["decode"]["beam_size"] == 3
    assert unbuilt.digests()["models/trained"] == brief.digests["models/trained"]
    assert unbuilt.digests()["results/decode"] != brief.digests["results/decode"]
    # The new params have not been checked as a whole yet, and nothing else is out of date.
    assert stages_run(unbuilt.dvc("repro")) == ["check"]


def append_code(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("EDITED = True\n")


def stages_in_lock(repository: Repository) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(repository.root / "dvc.lock")["stages"])
