"""A checkpoint comes back whole or is skipped, and one process at a time has the folder."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from attn2seq.errors import UserError
from attn2seq.training.checkpoints import CheckpointFolder, random_states, restore_random_states


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path, said: list[str]) -> CheckpointFolder:
    (tmp_path / "all" / "mine").mkdir(parents=True)
    return CheckpointFolder(tmp_path / "all" / "mine", said.append)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_newest_state_comes_back(folder: CheckpointFolder, said: list[str]) -> None:
    assert folder.load() is None
    for step in (5, 100, 20):  # by step, not by age
        folder.save(step, {"step": step, "weights": {"w": torch.full((2,), float(step))}})
    state = folder.load()
    assert state is not None
    assert state["step"] == 100
    assert state["weights"]["w"].tolist() == [100.0, 100.0]
    assert said == []


@pytest.mark.promise("checkpoints")
def test_only_the_last_two_are_kept(folder: CheckpointFolder) -> None:
    for step in (1, 2, 3, 10):
        folder.save(step, {"step": step})
    assert sorted(path.name for path in folder.folder.iterdir()) == [
        "step-00000003.pt", "step-00000003.sha256", "step-00000010.pt", "step-00000010.sha256",
    ]  # fmt: skip


@pytest.mark.promise("checkpoints")
def test_a_damaged_newest_is_skipped_for_the_one_before(
    folder: CheckpointFolder, said: list[str]
) -> None:
    folder.save(1, {"step": 1})
    folder.save(2, {"step": 2})
    newest = folder.folder / "step-00000002.pt"
    flip_a_byte(newest)
    assert folder.load() == {"step": 1}
    assert said == [f"checkpoint {newest} is damaged: it is skipped, and the one before is used"]


@pytest.mark.promise("checkpoints")
def test_cut_short_or_without_digest_is_damaged_too(
    folder: CheckpointFolder, said: list[str]
) -> None:
    folder.save(1, {"step": 1})
    folder.save(2, {"step": 2})
    (folder.folder / "step-00000002.sha256").unlink()
    first = folder.folder / "step-00000001.pt"
    first.write_bytes(first.read_bytes()[:-10])
    assert folder.load() is None
    assert len(said) == 2


@pytest.mark.promise("no code")
def test_what_is_no_plain_data_is_never_run(folder: CheckpointFolder, tmp_path: Path) -> None:
    made = tmp_path / "made"

    class Intruder:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(made),)

    folder.save(1, {"step": Intruder()})
    with pytest.raises(UserError, match=r"step-00000001\.pt cannot be read .*Remove .*mine, and"):
        folder.load()
    assert not made.exists()


@pytest.mark.promise("memory")
def test_without_memory_to_read_it_a_sound_checkpoint_is_not_called_bad(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    folder.save(1, {"step": 1})
    monkeypatch.setattr(torch, "load", without_memory)
    with pytest.raises(UserError, match=r"out of memory: while .*00000001\.pt was read; it"):
        folder.load()


SCRIPT = """
import sys
from pathlib import Path
from attn2seq.errors import UserError
from attn2seq.training.checkpoints import CheckpointFolder
try:
    with CheckpointFolder(Path(sys.argv[1]), print):
        print("taken")
except UserError as error:
    print(error)
"""


def test_a_second_process_is_told_who_holds_the_folder(folder: CheckpointFolder) -> None:
    def second() -> str:
        command = [sys.executable, "-c", SCRIPT, str(folder.folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with folder:
        assert second() == (
            f"process {os.getpid()} is already running this training; "
            "wait for it, or stop it first\n"
        )
    assert second() == "taken\n"


def neighbours(folder: CheckpointFolder) -> None:
    for name in ("finished", "interrupted"):
        (folder.folder.parent / name).mkdir()
        CheckpointFolder(folder.folder.parent / name, lambda text: None).save(1, {})
    (folder.folder.parent / "finished" / "finished").touch()


def test_a_good_end_drops_finished_neighbours_alone(folder: CheckpointFolder) -> None:
    neighbours(folder)
    with folder:
        folder.save(1, {"step": 1})
    assert {path.name for path in folder.folder.parent.iterdir()} == {"mine", "interrupted"}
    assert folder.load() == {"step": 1}


def test_after_an_error_nothing_is_dropped(folder: CheckpointFolder) -> None:
    neighbours(folder)
    with pytest.raises(KeyboardInterrupt), folder:
        raise KeyboardInterrupt
    names = {path.name for path in folder.folder.parent.iterdir()}
    assert names == {"mine", "interrupted", "finished"}
    assert not (folder.folder / "finished").exists()
    with folder:  # the lock was given back
        pass


def draw() -> list[float]:
    # One normal number each from python and numpy leaves a second one cached in their states.
    return [random.gauss(0, 1), np.random.normal(), float(torch.rand(()))]


def test_random_generators_go_on_where_they_stood(folder: CheckpointFolder) -> None:
    draw()
    folder.save(1, random_states(torch.device("cpu")))
    expected = [draw(), draw()]
    states = folder.load()
    assert states is not None
    restore_random_states(states, torch.device("cpu"))
    assert [draw(), draw()] == expected
    assert draw() not in expected


def test_of_several_gpus_only_the_one_that_trains_is_kept(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it goes on, others may be there, or fewer."""
    second = torch.device("cuda", 1)
    states = {torch.device("cuda", place): torch.tensor([place, 7]) for place in range(2)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: states[device])
    folder.save(1, random_states(second))
    saved = folder.load()
    assert saved is not None
    set_back: dict[torch.device, list[int]] = {}
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: set_back.update({device: state.tolist()})
    )
    restore_random_states(saved, torch.device("cuda", 0))
    assert set_back == {torch.device("cuda", 0): [1, 7]}


def with_processes(folder: CheckpointFolder, suffix: str) -> CheckpointFolder:
    """That of the same training with another number of processes."""
    other = folder.folder.with_name(folder.folder.name + suffix)
    other.mkdir()
    return CheckpointFolder(other, folder.say)


def test_a_training_goes_on_from_one_with_other_processes(
    folder: CheckpointFolder, said: list[str]
) -> None:
    """From the furthest that is neither finished nor at work, unless it has a checkpoint itself."""
    assert not folder.any_begun()
    for suffix, step in (("-2", 10), ("-4x2", 20), ("-8", 30), ("-16", 40), ("s-own", 50)):
        with_processes(folder, suffix).save(step, {"step": step})
    (folder.folder.with_name("mine-8") / "finished").touch()
    assert folder.any_begun()
    with FileLock(folder.folder.with_name("mine-16") / "lock"):
        assert folder.load() == {"step": 20}
    assert len(said) == 1
    assert said[0].startswith(
        "going on with one process where a training with 4 processes was interrupted"
    )
    assert f"Remove {folder.folder}-4x2 to train from scratch" in said[0]
    folder.save(5, {"step": 5})
    assert folder.load() == {"step": 5}
    assert len(said) == 1
