"""Where an interrupted training goes on: its whole state, each few minutes."""

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock, Timeout

from attn2seq.errors import UserError
from attn2seq.model.device import memory_told
from attn2seq.whole import whole_file

KEPT = 2  # a damaged newest one leaves one to fall back to


class CheckpointFolder:
    """The checkpoints of one training, held by one process at a time.

    Each is named by its step, written beside and then renamed, with a digest. On a good end the
    finished trainings beside this one are dropped; its own checkpoint stays until a later
    training ends, so that nothing is lost before the result is recorded.

    Folders whose names differ behind a hyphen alone belong to one training with other numbers of
    processes: one that has no checkpoint of its own goes on from theirs.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say
        self.lock = FileLock(folder / "lock")

    def __enter__(self) -> Self:
        """Take the folder. Raises UserError where another process has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        holder = self.folder / "pid"
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            pid = holder.read_text(encoding="ascii") if holder.exists() else "unknown"
            raise UserError(
                f"process {pid} is already running this training; wait for it, or stop it first"
            ) from None
        holder.write_text(str(os.getpid()), encoding="ascii")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            (self.folder / "finished").touch()
            for marker in self.folder.parent.glob("*/finished"):
                if marker.parent != self.folder:
                    shutil.rmtree(marker.parent, ignore_errors=True)
        self.lock.release()

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Keep `state` as the newest checkpoint and drop all but the last few."""
        path = self.folder / f"step-{step:08d}.pt"
        with whole_file(path) as beside:
            with beside.open("wb") as file:  # given a path, torch hides why a write failed
                torch.save(state, file)
            with whole_file(_digest_path(path)) as digest:
                digest.write_text(_digest(beside), encoding="ascii")
        for old in _paths(self.folder)[KEPT:]:
            old.unlink()
            _digest_path(old).unlink(missing_ok=True)

    def load(self) -> dict[str, Any] | None:
        """The newest sound state, or None where there is none.

        Raises UserError where one is as it was written, but holds more than plain data.
        """
        state = self._newest(self.folder)
        for folder in self._others() if state is None else ():
            with _held(folder) as free:
                state = self._newest(folder) if free else None
            if state is not None:
                self.say(
                    f"going on with {_processes(self.folder)} where a training with "
                    f"{_processes(folder)} was interrupted: the result is that of either to "
                    f"rounding, not to the byte. Remove {folder} to train from scratch"
                )
                break
        return state

    def any_begun(self) -> bool:
        """Whether there is something to go on from."""
        return any(_paths(folder) for folder in (self.folder, *self._others()))

    def _newest(self, folder: Path) -> dict[str, Any] | None:
        for path in _paths(folder):
            digest = _digest_path(path)
            if digest.is_file() and digest.read_bytes() == _digest(path).encode():
                return _read(path)
            self.say(f"checkpoint {path} is damaged: it is skipped, and the one before is used")
        return None

    def _others(self) -> list[Path]:
        """Of the same training with other numbers of processes, unfinished, the furthest first."""
        name = self.folder.name.partition("-")[0]
        folders = [
            folder
            for folder in self.folder.parent.glob(f"{name}*")
            if folder.name.partition("-")[0] == name and _paths(folder)
            and folder != self.folder and not (folder / "finished").exists()
        ]  # fmt: skip
        return sorted(folders, key=lambda folder: (_paths(folder)[0].name, folder), reverse=True)


def _paths(folder: Path) -> list[Path]:
    """The checkpoints, newest first."""
    return sorted(folder.glob("step-*.pt"), reverse=True)


def _processes(folder: Path) -> str:
    count = (folder.name.partition("-")[2] or "1").partition("x")[0]
    return "one process" if count == "1" else f"{count} processes"


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether no training is at work in the folder, and none begins within the block."""
    try:
        with FileLock(folder / "lock", timeout=0):
            yield True
    except Timeout:
        yield False


def _read(path: Path) -> dict[str, Any]:
    try:
        with memory_told(lambda: f"while {path} was read; it stays, to go on from"):
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # torch raises of every kind
        reason = str(error).partition("\n")[0][:200]
        raise UserError(
            f"checkpoint {path} cannot be read ({reason}): this program did not write it. Remove "
            f"{path.parent}, and training starts from scratch"
        ) from None
    return state


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def random_states(device: torch.device) -> dict[str, Any]:
    """The states of all random generators that training on this device draws from, in kinds that
    load without pickle.
    """
    numpy_state: Any = np.random.get_state(legacy=True)
    name, keys, position, has_gauss, cached = numpy_state
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_random_states(states: dict[str, Any], device: torch.device) -> None:
    """Set all of them back."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"], device)
