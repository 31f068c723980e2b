"""The train stage with several processes, and what becomes of it where some of them end."""

import csv
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tiny_project import write_params

COMMAND = [sys.executable, "-m", "pipeline.train"]
TORCHRUN = [
    sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
    "--rdzv-endpoint=127.0.0.1:0", "-m", "pipeline.train",
]  # fmt: skip
RESULTS = ("models/trained/model.safetensors", "results/train/history.csv")
TRAINING = {
    "max_steps": 240, "max_epochs": 100, "evaluate_every_steps": 40, "log_every_steps": 10,
    "batch_sentences": 16, "optimizer": "sgd", "learning_rate": 0.5, "number_type": "float32",
    "threads": 2,
}  # fmt: skip
# What a test waits for, at most, in seconds: then it fails with what was said.
LIMIT = 120


class Running:
    """A train stage at work."""

    def __init__(self, project: Path, command: list[str]) -> None:
        for folder in ("models", "results/train"):  # as DVC does before a stage runs
            shutil.rmtree(project / folder, ignore_errors=True)
        self.project, self.said = project, ""
        variables = {"PYTHONPATH": "src", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        self.process = subprocess.Popen(
            command, cwd=project, env=os.environ | variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def until(self, words: str) -> None:
        """Wait until it says so."""
        assert self.process.stderr is not None
        while words not in self.said:
            line = self.process.stderr.readline()
            assert line, f"ended without {words!r}:\n{self.said}"
            self.said += line

    def ends_with(self, status: int) -> str:
        """Wait for its end; all that it said."""
        _, rest = self.process.communicate(timeout=LIMIT)
        self.said += rest
        assert self.process.returncode == status, self.said
        return self.said

    def helpers(self) -> list[int]:
        """Its processes that train with it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = []
        with suppress(FileNotFoundError):  # the training is over
            for pid in children.read_text().split():
                if b"pipeline.train" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
        return found


@contextmanager
def running(project: Path, command: list[str] = COMMAND) -> Iterator[Running]:
    made = Running(project, command)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


def train(project: Path, command: list[str] = COMMAND) -> tuple[str, list[bytes]]:
    """What it says, and the bytes that it writes."""
    with running(project, command) as made:
        said = made.ends_with(0)
    return said, [(project / path).read_bytes() for path in RESULTS]


def set_processes(project: Path, count: int) -> None:
    changes = {
        "download": {"corpus": "reversed"},
        "tokenize": {"model_type": "char", "vocabulary_size": 64},
        "model": {"readout_dropout": 0.1},
        "train": TRAINING | {"processes": count},
    }
    (project / "params.yaml").unlink()
    write_params(project, "phrasebook-en-de", changes)


def forget(project: Path) -> None:
    """All checkpoints."""
    shutil.rmtree(project / ".cache", ignore_errors=True)


def losses(history: bytes) -> list[float]:
    rows = csv.DictReader(history.decode().splitlines())
    return [float(row[name]) for row in rows for name in ("train_loss", "dev_loss") if row[name]]


@pytest.fixture(scope="module")
def whole(
    short_training: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[bytes]]:
    """What two processes say and write that nobody disturbs."""
    return train(make_project(short_training, tmp_path_factory.mktemp("whole")))


@pytest.fixture
def project(short_training: Path, tmp_path: Path) -> Path:
    return make_project(short_training, tmp_path)


def make_project(short_training: Path, folder: Path) -> Path:
    """A folder in which two processes are to train, from the start."""
    apart = shutil.ignore_patterns("made.pickle", ".cache")
    shutil.copytree(short_training, folder, ignore=apart, symlinks=True, dirs_exist_ok=True)
    set_processes(folder, 2)
    return folder


def test_torchrun_gives_the_same_bytes(project: Path, whole: tuple[str, list[bytes]]) -> None:
    """So does every launch of two processes."""
    said, expected = whole
    assert "on CPU, 2 threads, in float32, shared by 2 processes" in said
    said, found = train(project, TORCHRUN)
    assert found == expected
    assert said.count("results in models/trained") == 1


@pytest.mark.long
@pytest.mark.promise("killed")
def test_whichever_is_killed_the_same_command_ends_in_the_same_bytes(
    project: Path, whole: tuple[str, list[bytes]]
) -> None:
    """A helper, with a message; the first process, whose helpers end with it; all of them."""
    with running(project) as made:
        made.until(": step 40/")
        (helper,) = made.helpers()
        os.kill(helper, signal.SIGKILL)
        started = time.monotonic()
        said = made.ends_with(1)
        assert time.monotonic() - started < 60
    assert "train: error: process 1 of 2 (counted from 0) was ended by signal 9; the same" in said
    assert "Traceback" not in said
    with running(project) as made:
        made.until(": step 120/")
        assert "resuming from the checkpoint of step 40" in made.said
        (helper,) = made.helpers()
        made.process.kill()
        wait_for_end(helper)
    with running(project) as made:
        made.until(": step 160/")
        (helper,) = made.helpers()
        os.kill(helper, signal.SIGKILL)
        made.process.kill()
    said, found = train(project)
    assert re.search(r"resuming from the checkpoint of step (80|120|160|200)", said)
    assert found == whole[1]


@pytest.mark.long
@pytest.mark.promise("killed")
def test_killed_at_random_moments(
    project: Path, whole: tuple[str, list[bytes]], record_property: Callable[[str, object], None]
) -> None:
    """The helper, the first process, or both, in each part of the time that a training takes."""
    draw, kills = random.Random(20261201), 6
    started = time.monotonic()
    train(project)
    duration = time.monotonic() - started
    hit = 0
    for number in range(kills):
        forget(project)
        with running(project) as made:
            time.sleep(duration * (number + draw.random()) / kills)
            victims = made.helpers() if number % 3 != 1 else []
            hit += made.process.poll() is None
            for helper in victims:
                os.kill(helper, signal.SIGKILL)
            if number % 3:
                made.process.kill()
            made.process.communicate(timeout=LIMIT)
        _, found = train(project)
        assert found == whole[1], f"kill {number}"
    record_property("faults", hit)
    assert hit > kills // 2


@pytest.mark.promise("loopback")
@pytest.mark.promise("stopped")
def test_a_signal_stops_all_and_another_number_goes_on(
    project: Path, whole: tuple[str, list[bytes]]
) -> None:
    """With one process, and then again with two, which have a checkpoint of their own.

    While two train they listen on loopback alone.
    """
    with running(project) as made:
        made.until(": step 40/")
        (helper,) = made.helpers()
        listens = {address for pid in (made.process.pid, helper) for address in listening(pid)}
        made.process.send_signal(signal.SIGTERM)
        said = made.ends_with(143)
    assert "train: asked to stop (SIGTERM)" in said
    assert listens
    assert listens <= {"0100007F", "0" * 24 + "01000000"}
    set_processes(project, 1)
    said, alone = train(project)
    assert (
        "going on with one process where a training with 2 processes was interrupted: the result "
        "is that of either to rounding, not to the byte. Remove "
    ) in said
    assert "from step 0" not in said
    assert losses(alone[1]) == pytest.approx(losses(whole[1][1]), rel=1e-4)
    set_processes(project, 2)
    said, again = train(project)
    assert "resuming from the checkpoint of step" in said
    assert again == whole[1]


def listening(pid: int) -> list[str]:
    """The addresses, as Linux writes them, that a process listens on."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    own = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6")]
    rows = [
        line.split() for path in tables if path.exists() for line in path.read_text().splitlines()
    ]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in own]


def wait_for_end(pid: int) -> None:
    """Of a process whose parent is gone: whoever takes over may not have asked how it ended."""
    deadline, state = time.monotonic() + 30, ""
    while state != "Z":
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)
