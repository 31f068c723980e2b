"""The train stage with several processes, and what becomes of it where some of them end."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
        return [
            int(pid)
            for pid in children.read_text().split()
            if b"pipeline.train" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]


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


def losses(history: bytes) -> list[float]:
    rows = csv.DictReader(history.decode().splitlines())
    return [float(row[name]) for row in rows for name in ("train_loss", "dev_loss") if row[name]]


@pytest.fixture
def project(built_project: Path) -> Path:
    """In which two processes are to train, from the start."""
    shutil.rmtree(built_project / ".cache")
    set_processes(built_project, 2)
    return built_project


def forget(project: Path) -> None:
    shutil.rmtree(project / ".cache")


def test_the_bytes_repeat_and_torchrun_gives_the_same(project: Path) -> None:
    """And one process gives the same to rounding."""
    said, expected = train(project)
    assert "on CPU, 2 threads, in float32, shared by 2 processes" in said
    forget(project)
    launched, bytes_launched = train(project, TORCHRUN)
    assert bytes_launched == expected
    assert launched.count("results in models/trained") == 1
    forget(project)
    set_processes(project, 1)
    _, alone = train(project)
    assert alone != expected
    assert losses(alone[1]) == pytest.approx(losses(expected[1]), rel=1e-4)


@pytest.mark.promise("killed")
def test_whichever_is_killed_the_same_command_ends_in_the_same_bytes(project: Path) -> None:
    """A helper, with a message; the first process, whose helpers end with it; all of them."""
    _, expected = train(project)
    forget(project)
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
        gone_within(helper, 30)
    with running(project) as made:
        made.until(": step 160/")
        (helper,) = made.helpers()
        os.kill(helper, signal.SIGKILL)
        made.process.kill()
    said, found = train(project)
    assert re.search(r"resuming from the checkpoint of step (160|200)", said)
    assert found == expected


@pytest.mark.promise("stopped")
def test_a_signal_stops_all_and_another_number_goes_on(project: Path) -> None:
    """With one process, and then again with two, which have a checkpoint of their own."""
    _, expected = train(project)
    forget(project)
    with running(project) as made:
        made.until(": step 40/")
        made.process.send_signal(signal.SIGTERM)
        said = made.ends_with(143)
    assert "train: asked to stop (SIGTERM)" in said
    set_processes(project, 1)
    said, alone = train(project)
    assert (
        "going on with one process where a training with 2 processes was interrupted: the result "
        "is that of either to rounding, not to the byte. Remove "
    ) in said
    assert "from step 0" not in said
    assert losses(alone[1]) == pytest.approx(losses(expected[1]), rel=1e-4)
    set_processes(project, 2)
    said, again = train(project)
    assert "resuming from the checkpoint of step" in said
    assert again == expected


def test_on_one_machine_everything_stays_on_loopback(project: Path) -> None:
    with running(project) as made:
        made.until(": step 40/")
        pids = [made.process.pid, *made.helpers()]
        assert len(pids) == 2
        found = [address for pid in pids for address in listening(pid)]
        assert found
        assert set(found) <= {"0100007F", "0" * 24 + "01000000"}
        made.ends_with(0)


def listening(pid: int) -> list[str]:
    """The addresses, as Linux writes them, that a process listens on."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    own = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6")]
    rows = [
        line.split() for path in tables if path.exists() for line in path.read_text().splitlines()
    ]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in own]


def gone_within(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":  # ended, and nobody has asked how
            return
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"RANK": "0", "WORLD_SIZE": "4"}, r"4 processes were launched \(WORLD_SIZE\), and train."),
        ({"RANK": "two", "WORLD_SIZE": "4"}, "contradict each other: RANK=two, WORLD_SIZE=4"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "contradict each other: RANK=2, WORLD_SIZE=2, LOCAL_"),
    ],
)
def test_a_launch_that_contradicts_the_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with running(project) as made:
        assert re.search(rf"train: error: .*{said}", made.ends_with(1))
