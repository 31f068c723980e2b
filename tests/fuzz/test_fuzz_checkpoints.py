"""Checkpoints of an interrupted training: the newest sound one, or a refusal; never a wrong one."""

import hashlib
import os
import pickle
import random
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from generators import mutate
from outcomes import Refused, Tally

from attn2seq.training.checkpoints import CheckpointFolder, random_states

pytestmark = pytest.mark.promise("fuzz")

DAMAGES, FORGED = 500, 80


@pytest.fixture
def folder(tmp_path: Path) -> tuple[CheckpointFolder, list[str]]:
    (tmp_path / "all" / "mine").mkdir(parents=True)
    said: list[str] = []
    return CheckpointFolder(tmp_path / "all" / "mine", said.append), said


def state(step: int) -> dict[str, Any]:
    weights = {"w": torch.full((3, 3), float(step))}
    return {"step": step, "weights": weights, "random": random_states(torch.device("cpu"))}


def test_damaged_checkpoints(tally: Tally, folder: tuple[CheckpointFolder, list[str]]) -> None:
    checkpoints, said = folder
    for step in (1, 2):
        checkpoints.save(step, state(step))
    files = {path: path.read_bytes() for path in sorted(checkpoints.folder.iterdir())}
    for seed in tally.seeds(DAMAGES):
        draw = random.Random(seed)
        damaged = draw.sample(sorted(files), draw.choice([1, 1, 2]))
        changed = set()
        for path in damaged:
            given, content = mutate(draw, files[path])
            path.write_bytes(content)
            if content != files[path]:
                changed.add(path.stem)
        found = checkpoints.load()
        tally.count("checkpoints", given, said[0] if said else "")
        sound = [step for step in (2, 1) if f"step-{step:08d}" not in changed]
        assert (found["step"] if found else None) == (sound[0] if sound else None)
        if found:
            assert found["weights"]["w"].tolist() == [[float(found["step"])] * 3] * 3
        assert len(said) == (2 if not sound else 2 - sound[0])
        said.clear()
        for path in damaged:
            path.write_bytes(files[path])


class Intruder:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._made),)


@pytest.mark.promise("no code")
def test_forged_checkpoints(
    tally: Tally, folder: tuple[CheckpointFolder, list[str]], tmp_path: Path
) -> None:
    """With a digest that is right: nothing in them is run."""
    checkpoints, _ = folder
    path = checkpoints.folder / "step-00000001.pt"
    for seed in tally.seeds(FORGED):
        draw = random.Random(seed)
        whole = BytesIO()
        torch.save(state(1) | {"more": Intruder(tmp_path / "made")}, whole)
        content = draw.choice([
            whole.getvalue(), pickle.dumps(Intruder(tmp_path / "made")), draw.randbytes(50), b"",
            whole.getvalue()[: draw.randint(1, 3000)],
        ])  # fmt: skip
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        path.with_suffix(".sha256").write_text(digest, encoding="ascii")
        got = tally.meet("checkpoints", "forged", partial(checkpoints.load))
        assert isinstance(got, Refused)
        assert str(path) in got.message
        assert not (tmp_path / "made").exists()
