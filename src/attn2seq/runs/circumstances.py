"""How a run came about: its commit, its DVC experiment, its user, and the sweep it belongs to.

Which experiments were run together is noted in the main repository's cache, a file for each sweep:
it outlives the database, so that `make track ALL=1` puts runs under their parent again.
"""

import getpass
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attn2seq
from attn2seq.runs.record import Ending, Sweep
from attn2seq.whole import write_json
from attn2seq.workspace.paths import DVC_LOCK, PARAMS, RESULTS, SWEEPS
from attn2seq.workspace.stage import main_root

PACKAGE = Path(attn2seq.__file__).parent


@dataclass(frozen=True)
class Circumstances:
    """How a run came about, as far as it is known; no result follows from it."""

    git_commit: str | None = None
    git_dirty: bool = False
    dvc_exp_name: str | None = None
    dvc_lock: str | None = None  # digest of dvc.lock, known only when the pipeline has ended
    package: Path | None = None  # the library's code that goes with the model; None: no model
    sweep: Sweep | None = None  # the sweep that the experiment belongs to
    user: str | None = None  # who ran it, or made its commit
    committed_s: int | None = None  # when the commit was made; None where it is not from a commit
    restored: bool = False  # from the repository's history, and not from this workspace


def circumstances(workspace: Path) -> Circumstances:
    """Of a run in this workspace, now. Outputs and params.yaml do not make a commit dirty: the
    former follow from the run, the latter is in it.
    """
    apart = [f":(exclude){path}" for path in (DVC_LOCK, PARAMS, RESULTS)]
    changes = git(workspace, "status", "--porcelain", "-uno", "--", ".", *apart)
    head = git(workspace, "rev-parse", "HEAD") or b""
    experiment = os.environ.get("DVC_EXP_NAME")
    return Circumstances(
        # In an experiment's copy HEAD may be a commit that only the copy has.
        git_commit=os.environ.get("DVC_EXP_BASELINE_REV") or head.decode().strip() or None,
        git_dirty=bool(changes),
        dvc_exp_name=experiment,
        package=PACKAGE,
        sweep=sweep_of(main_root(), experiment),
        user=_user(),
    )


def committed_circumstances(root: Path, commit: str, experiment: str | None) -> Circumstances:
    """Of the run that a commit records; `root` is the main repository."""
    said = git(root, "show", "--no-patch", "--format=%ct%n%an", commit) or b""
    seconds, _, author = said.decode(errors="replace").strip().partition("\n")
    return Circumstances(
        git_commit=commit,
        dvc_exp_name=experiment,
        sweep=sweep_of(root, experiment),
        user=author or None,
        committed_s=int(seconds) if seconds else None,
        restored=True,
    )


def processor() -> str:
    """The processor's model, as Linux names it, or else what Python knows."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may give its process a number that has no name
        return None


def note_sweep(root: Path, what: str, experiments: Sequence[str]) -> Sweep:
    """Note a sweep of these experiments, `sweep 3: learning_rate`.

    It counts as interrupted unless `note_ending` follows. `root` is the main repository.
    """
    number = 1
    while (path := root / SWEEPS / f"{number}.json").exists():
        number += 1
    name = f"sweep {number}: {what}"
    write_json(path, {"name": name, "experiments": list(experiments), "ending": "KILLED"})
    return Sweep(name, "KILLED")


def note_ending(root: Path, sweep: Sweep, ending: Ending) -> None:
    """Note how the sweep ended."""
    for path, note in _sweeps(root):
        if note["name"] == sweep.name:
            write_json(path, note | {"ending": ending})


def sweep_of(root: Path, experiment: str | None) -> Sweep | None:
    """The sweep that the DVC experiment belongs to, if any."""
    for _, note in _sweeps(root):
        if experiment in note["experiments"]:
            return Sweep(note["name"], note.get("ending", "FINISHED"))
    return None


def _sweeps(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Each note that can be read, and what is in it."""
    notes: list[tuple[Path, dict[str, Any]]] = []
    for path in sorted((root / SWEEPS).glob("*.json")):
        with suppress(ValueError):
            note = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(note, dict) and {"name", "experiments"} <= note.keys():
                notes.append((path, note))
    return notes


def git(root: Path, *arguments: str) -> bytes | None:
    """What git prints, or None where it fails or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
