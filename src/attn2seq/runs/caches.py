"""What the caches hold, and what of it nothing needs any more.

Everything that a commit, an experiment, the workspace or a run in MLflow names stays. So do the
downloads, and, unless told, the checkpoints of trainings that can still go on.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from attn2seq.errors import UserError
from attn2seq.runs.registry import ownerless_folders
from attn2seq.runs.restore import dvc_cache
from attn2seq.runs.show import store_of
from attn2seq.workspace.paths import ARTIFACTS, CACHE, CHECKPOINTS, DOWNLOADS

MANY_BYTES = 3_000_000_000  # from here on `make repro` mentions the caches
DVC_GC = ("gc", "--workspace", "--all-commits", "--all-experiments", "--force")


@dataclass(frozen=True)
class Heap:
    """Files that can go together."""

    what: str
    paths: tuple[Path, ...]

    @property
    def size(self) -> int:
        return sum(size_of(path) for path in self.paths)


def heaps_of(root: Path, interrupted_too: bool) -> list[Heap]:
    """All that can go. Raises UserError."""
    store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
    return [
        unused_objects(root),
        *checkpoints(root / CHECKPOINTS, interrupted_too),
        Heap("MLflow: files of deleted runs", tuple(ownerless_folders(store))),
    ]


def unused_objects(root: Path) -> Heap:
    """What DVC's cache holds and no commit, experiment or the workspace names."""
    said = _dvc(root, *DVC_GC, "--dry")
    paths = re.findall(r"^Removing (.+)$", said, flags=re.MULTILINE)
    return Heap("DVC's cache: unreferenced files", tuple(Path(path) for path in paths))


def checkpoints(folder: Path, interrupted_too: bool) -> list[Heap]:
    """Those of finished trainings, and of interrupted ones; a training that runs keeps its own."""
    idle = [training for training in sorted(folder.glob("*/")) if not _is_running(training)]
    finished = tuple(training for training in idle if (training / "finished").exists())
    heaps = [Heap("checkpoints of finished trainings", finished)]
    if interrupted_too:
        interrupted = tuple(training for training in idle if training not in finished)
        heaps.append(Heap("checkpoints of interrupted trainings", interrupted))
    return heaps


def remove(root: Path, heaps: Iterable[Heap]) -> None:
    """DVC takes away its own files, since other processes may use its cache. Raises UserError."""
    _dvc(root, *DVC_GC)
    for heap in heaps:
        for path in heap.paths:
            if path.is_dir():
                shutil.rmtree(path)


def holdings(root: Path) -> list[str]:
    """What each cache holds by now: `downloads 2.1 MB`."""
    places = {
        "DVC's cache": dvc_cache(root),
        "checkpoints": root / CHECKPOINTS,
        "downloads": root / DOWNLOADS,
        "MLflow's files": root / ARTIFACTS,
    }
    return [f"{name} {readable(size_of(path))}" for name, path in places.items()]


def caches_hint(root: Path) -> str | None:
    """A line for the end of `make repro`, once the caches have grown large."""
    places = (root / ".dvc" / "cache", root / CACHE, root / ARTIFACTS)
    size = sum(size_of(place) for place in places)
    if size < MANY_BYTES:
        return None
    return f"caches:  {readable(size)} now; `make gc` lists what can be removed"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 where there is none."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def readable(size: int) -> str:
    """`readable(3_400_000)` gives `3.4 MB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _is_running(training: Path) -> bool:
    try:
        with FileLock(training / "lock", timeout=0):
            return False
    except Timeout:
        return True


def _dvc(root: Path, *arguments: str) -> str:
    """What DVC prints. Raises UserError where it fails, for example while a stage runs."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"dvc {arguments[0]} failed:\n{done.stderr.strip()}")
    return done.stdout + done.stderr
