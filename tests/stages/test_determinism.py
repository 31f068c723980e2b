"""The same bytes on a machine under load, on one processor or all, and on a GPU where it is asked.

There are no processes that load data, whose number could matter: batches are gathered from
memory-mapped arrays by the training itself.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from tiny_project import script_of

from attn2seq.workspace.stage import run_stage
from pipeline import train

pytestmark = pytest.mark.promise("deterministic")
STAGES = {"tokenize": "data/tokenized", "train": "models/trained", "decode": "results/decode"}
PROCESSORS = os.sched_getaffinity(0)
BUSY = "while True: sum(range(10_000))"


@contextmanager
def load(processes: int) -> Iterator[None]:
    """Other programs that want every processor."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def run_again(stage: str, processors: set[int]) -> None:
    """The stage in a process of its own, as DVC starts it: its outputs are gone."""
    shutil.rmtree(STAGES[stage])
    if stage == "train":
        shutil.rmtree("results/train")
        shutil.rmtree(".cache/checkpoints", ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", f"pipeline.{script_of(stage)}"],
        env=os.environ | {"PYTHONPATH": "src", "OMP_NUM_THREADS": str(len(processors))},
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def digests(*folders: str) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def set_train(**changes: object) -> None:
    yaml = YAML(typ="safe")
    values = yaml.load(Path("params.yaml"))
    values["train"].update(changes)
    yaml.dump(values, Path("params.yaml"))


@pytest.mark.usefixtures("built_project")
@pytest.mark.parametrize(
    ("stages", "busy", "processors"),
    [
        (["train"], 1, [{min(PROCESSORS)}]),
        pytest.param(
            list(STAGES), 2 * len(PROCESSORS), [{min(PROCESSORS)}, PROCESSORS],
            marks=pytest.mark.long,
        ),
    ],
    ids=["train alone", "every stage"],
)  # fmt: skip
def test_neither_load_nor_processors_change_a_byte(
    stages: list[str], busy: int, processors: list[set[int]]
) -> None:
    folders = [*STAGES.values(), "results/train"]
    idle = digests(*folders)
    assert len(idle) > 10
    with load(busy):
        for stage, allowed in product(stages, processors):
            run_again(stage, allowed)
            assert digests(*folders) == idle


@pytest.mark.usefixtures("built_project")
def test_on_a_cpu_every_operation_repeats_already(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests("models/trained", "results/train")
    set_train(deterministic=True)
    run_again("train", PROCESSORS)
    assert digests("models/trained", "results/train") == before
    # Equal bytes do not tell that torch was asked.
    asked: list[bool] = []
    monkeypatch.setattr(
        train,
        "train_model",
        lambda *_: asked.append(torch.are_deterministic_algorithms_enabled()),
    )
    run_stage("train", train.main)
    assert asked == [True]


@pytest.mark.usefixtures("built_project")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("number_type", ["float32", "bfloat16"])
def test_two_trainings_on_a_gpu_are_the_same_where_it_is_asked(number_type: str) -> None:
    set_train(deterministic=True, device="cuda", number_type=number_type)
    found = []
    for processes in (0, 4):
        with load(processes):
            run_again("train", PROCESSORS)
        found.append(digests("models/trained", "results/train"))
    assert found[0] == found[1]
