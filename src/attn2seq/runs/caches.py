"""What the caches hold, and what of it nothing needs any more.

Everything that a commit, an experiment, the workspace or a run in MLflow names stays. So do the
downloads, and, unless told, the checkpoints of trainings that can still go on.
"""

import logging
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from attn2seq.errors import UserError
from attn2seq.runs.cached_files import dvc_cache
from attn2seq.runs.circumstances import git
from attn2seq.runs.registry import ownerless_folders
from attn2seq.runs.show import store_of
from attn2seq.workspace.paths import (
    ARTIFACTS,
    CACHE,
    CHECKPOINTS,
    DOWNLOADS,
    DVC_LOCK,
    DVC_YAML,
    PARAMS,
)
from attn2seq.workspace.quiet_dvc import without_bars

MANY_BYTES = 3_000_000_000  # from here on `make repro` mentions the caches
# What tells which files of DVC's cache a commit names.
NAMING = (str(DVC_LOCK), str(DVC_YAML), "*.dvc")


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


def unused_objects(root: Path, remove: bool = False) -> Heap:
    """What DVC's cache holds and no commit, experiment or the workspace names.

    `dvc gc` reads every commit, most of which name what the one before does: only those that
    changed what names files are read here. A cache outside of the project may be another's too,
    and is left alone. Raises UserError, for example while a stage runs.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo
    from dvc_data.hashfile.gc import gc
    from dvc_objects.errors import ObjectFormatError

    logging.getLogger("dvc").setLevel(logging.ERROR)  # it warns of each output without a version
    without_bars()
    what = "DVC's cache: unreferenced files"
    try:
        with Repo(str(root)) as repo:
            place = Path(repo.cache.local.path)
            if not place.resolve().is_relative_to(root.resolve()):
                print(
                    f"DVC's cache, {place}, lies outside of this project, and others may use it: "
                    "nothing of it is removed. `dvc gc --workspace --all-commits "
                    "--all-experiments --projects OTHER ...` does so, if it names all of them",
                    file=sys.stderr,
                )
                return Heap(what, ())
            with lock_repo(repo):
                used = _used_objects(repo, root)
                odb = repo.cache.local
                names = {found.value for found in used if found.name == odb.hash_name}
                unused = tuple(Path(odb.oid_to_path(oid)) for oid in odb.all() if oid not in names)
                if remove:
                    gc(odb, used)
    except ObjectFormatError as error:  # it may name files that would seem unused
        raise UserError(
            f"DVC's cache is damaged: {error}. It lists files, which would now seem unreferenced, "
            f"so nothing is removed. Delete it, if DVC has left it in {place}; then `dvc repro` "
            "makes the workspace's again, and `dvc fetch --all-commits` brings another commit's "
            "from a remote"
        ) from None
    except DvcException as error:
        raise UserError(f"DVC's cache cannot be read: {error}") from None
    return Heap(what, unused)


def _used_objects(repo: Any, root: Path) -> set[Any]:
    """What the workspace, every commit and every experiment name. Raises UserError."""
    from dvc.exceptions import DvcException

    naming = [*NAMING]
    if "${" in (root / DVC_YAML).read_text(encoding="utf-8"):
        naming.append(str(PARAMS))  # from which DVC fills in the rest
    commits = _commits(root, naming)
    if not sys.stderr.isatty():
        print(f"reading what {len(commits):,} commits name ...", file=sys.stderr, flush=True)
    used: set[Any] = set()
    # Without a repository there is the workspace alone.
    states = repo.brancher(revs=commits, all_experiments=True) if commits else repo.brancher()
    for state in tqdm(
        states, desc="what commits name", total=len(commits), unit=" commits", disable=None
    ):
        try:
            for found in repo.index.used_objs(force=True).values():
                used |= found
        except DvcException as error:
            if state in ("", "workspace"):
                raise
            named = f"commit {state[:7]}" if state in commits else state
            raise UserError(
                f"what {named} names is not known ({error}), so nothing is removed. `dvc gc "
                "--workspace --all-commits --all-experiments --skip-failed` keeps what the others "
                "name, and what only it names goes"
            ) from None
    return used


def _commits(root: Path, naming: Iterable[str]) -> list[str]:
    """Those that changed a file of these names; none where there is no repository.

    Raises UserError where git cannot list them: what they name would be taken for unused.
    """
    if not any((place / ".git").exists() for place in (root, *root.parents)):
        return []
    head = git(root, "rev-parse", "--verify", "--quiet", "HEAD")  # fails before the first commit
    starts = ["--all", *(["HEAD"] if head else [])]
    # Merges as well, which may put together what no other commit has.
    listed = git(root, "rev-list", *starts, "--full-history", "--", *naming)
    if listed is None:
        raise UserError(
            f"git cannot list the commits of {root}, which name files of the cache, so nothing is "
            "removed: `git fsck` shows what is damaged"
        )
    return listed.decode().split()


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
    """DVC's cache is read again: what a commit has come to need since stays. Raises UserError."""
    unused_objects(root, remove=True)
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
