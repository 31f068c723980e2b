"""Puts together the files of finished states: of the workspace, a commit, a DVC experiment.

dvc.lock is the witness: a file counts as a state's only if its md5 is the one that dvc.lock tells.
Small results come from git, larger ones from DVC's cache, as far as it still has them.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from attn2seq.errors import UserError
from attn2seq.runs.cached_files import NothingToRestoreError, from_cache, link, refuse_hostile
from attn2seq.runs.carried_code import ENTRIES
from attn2seq.runs.circumstances import Circumstances, git
from attn2seq.runs.collect import collected_record
from attn2seq.runs.record import RunRecord
from attn2seq.runs.revisions import State, experiments
from attn2seq.workspace.code_digests import stage_digests, text_of
from attn2seq.workspace.dvc_lock import parsed_lock
from attn2seq.workspace.fingerprint import (
    RUN_STAGES,
    Inputs,
    digest,
    inputs_of_lock,
    md5_of,
    outs_of_lock,
)
from attn2seq.workspace.paths import (
    DVC_LOCK,
    DVC_YAML,
    MODEL,
    NOTES,
    PACKAGE,
    PARAMS,
    PREPARED,
    REPORT,
    RESULTS,
    SCORES,
    TRAINED,
)

SHOWN = tuple(map(str, (RESULTS, MODEL, TRAINED, PREPARED)))
# Stages after a run's scores, and what they make.
LATER = {"package": MODEL, "report": REPORT}
RUN_CODE = (str(PACKAGE), "pipeline", str(DVC_YAML))

# Puts the file or folder with this path and md5 at the target; False where it is not to be had.
Fetch = Callable[[str, str, Path], bool]


@dataclass(frozen=True)
class Source:
    """Where a state's files come from."""

    lock: str  # the text of its dvc.lock
    params: str | None  # the text of its params.yaml
    code: Path | None  # a folder that holds its src/
    fetch: Fetch


def restored_record(source: Source, about: Circumstances, root: Path, folder: Path) -> RunRecord:
    """The run that the source's dvc.lock describes, its files laid out in `folder`.

    `root` is the main repository. Raises NothingToRestoreError.
    """
    lock = _sound_lock(source.lock)
    try:
        inputs = inputs_of_lock(lock)
        inputs.params["download"]["corpus"], inputs.params["model"]["cell"]  # the least of a run
    except KeyError as error:
        raise NothingToRestoreError(f"dvc.lock has no finished run ({error} is missing)") from None
    except (TypeError, IndexError):  # a section that is none, or no data/raw
        raise NothingToRestoreError("dvc.lock has no finished run: it is damaged") from None
    _lay_out(lock, source.fetch, folder)
    if disagreements := _disagreements(lock, RUN_STAGES, folder):
        raise NothingToRestoreError(
            f"dvc.lock is from a pipeline that has not finished: its stages disagree about "
            f"{', '.join(disagreements)}"
        )
    if not (folder / SCORES).exists():
        raise NothingToRestoreError(f"{SCORES} is gone, or not the one that dvc.lock records")
    if source.params is not None and _says(source.params, inputs):
        (folder / PARAMS).write_text(source.params, encoding="utf-8")
    (folder / DVC_LOCK).write_text(source.lock, encoding="utf-8")
    # Those of an earlier run may still stand beside the new scores.
    leave_out = frozenset(
        path
        for stage, path in LATER.items()
        if stage not in lock["stages"] or _disagreements(lock, (*RUN_STAGES, stage), folder)
    )
    stale = {stage for stage, path in LATER.items() if path in leave_out}
    outs = {stage: outs_of_lock(lock, stage) for stage in (*RUN_STAGES, *LATER.keys() - stale)}
    about = replace(about, dvc_lock=digest(source.lock), package=_package(source.code, inputs))
    return collected_record(folder, inputs, outs, about, root, leave_out)


def _sound_lock(text: str) -> dict[str, Any]:
    try:
        return parsed_lock(text)
    except UserError as error:
        raise NothingToRestoreError(str(error)) from None


def recorded_scores(
    lock: bytes | None, params: bytes | None, scores: bytes | None
) -> dict[str, dict[str, float | None]]:
    """The scores of a state, split -> metric -> value, from the contents of its files.

    Empty unless dvc.lock records a finished run, of these params, with these scores: a stage that
    was interrupted, or params that were edited since, leave files that do not belong together.
    """
    if not (lock and params and scores):
        return {}
    md5 = hashlib.md5(scores, usedforsecurity=False).hexdigest()
    try:
        recorded = YAML(typ="safe").load(lock.decode())
        own = (
            outs_of_lock(recorded, "evaluate").get(str(SCORES)) == md5
            and not _disagreements(recorded, RUN_STAGES, None)
            and _says(params.decode(), inputs_of_lock(recorded))
        )
        found: dict[str, dict[str, float | None]] = json.loads(scores) if own else {}
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError):  # somebody else's file
        return {}
    return found


def committed_states(root: Path) -> Iterator[State]:
    """Every commit that changed dvc.lock or results, the oldest first, then every experiment.

    So the group's first run is again the one with which the others were compared. States with the
    same dvc.lock and the same committed results are given once, as an experiment if it is one.
    """
    shown, commits = experiments(root), _commits(root)
    by_tree: dict[bytes, State] = {}
    for state in [*shown, *commits]:
        tree = git(root, "ls-tree", "-r", state.commit, "--", str(DVC_LOCK), str(RESULTS)) or b""
        if f"\t{DVC_LOCK}".encode() in tree:
            by_tree.setdefault(tree, state)
    kept = by_tree.values()
    yield from (state for state in [*commits, *shown] if state in kept)


def workspace_source(root: Path) -> Source:
    """The files under `root`, as far as they are those of its dvc.lock. Raises UserError."""
    lock = root / DVC_LOCK
    if not lock.exists():
        raise NothingToRestoreError("no dvc.lock here, so no finished run: `make repro` makes one")

    def fetch(path: str, md5: str, target: Path) -> bool:
        source = (root / path).absolute()
        if not source.exists() or md5_of(source) != md5:
            return False
        files = [file for file in source.rglob("*") if file.is_file()] or [source]
        for file in files:
            link(file, target / file.relative_to(source))
        return True

    params = (root / PARAMS).read_text(encoding="utf-8")
    return Source(lock.read_text(encoding="utf-8"), params, root, fetch)


def commit_source(root: Path, commit: str, cache: Path, scratch: Path) -> Source:
    """The files of a commit, from git or else from DVC's cache; its code goes into `scratch`."""

    def fetch(path: str, md5: str, target: Path) -> bool:
        content = None if md5.endswith(".dir") else git(root, "show", f"{commit}:{path}")
        if content is None:
            return from_cache(cache, md5, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if md5_of(target) != md5:
            raise NothingToRestoreError(
                f"the committed {path} is not the one that dvc.lock records"
            )
        return True

    lock = git(root, "show", f"{commit}:{DVC_LOCK}") or b""
    params = git(root, "show", f"{commit}:{PARAMS}")
    there = [path for path in RUN_CODE if git(root, "ls-tree", commit, "--", path)]
    archive = git(root, "archive", "--format=tar", commit, *there)
    return Source(
        lock.decode(errors="replace"),
        None if params is None else params.decode(errors="replace"),
        scratch if archive is not None and _unpacked(archive, scratch) else None,
        fetch,
    )


def _unpacked(archive: bytes, folder: Path) -> bool:
    """Whether the archive of a commit's code is in the folder now."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
    except tarfile.FilterError:  # a link to a place outside, which is not followed
        return False
    return True


def _commits(root: Path) -> list[State]:
    every = ("--branches", "--tags", "--remotes")
    paths = ("--full-history", "--", str(DVC_LOCK), str(RESULTS))
    # HEAD apart: it may be detached, and a fresh repository has none.
    listed = git(root, "rev-list", "--reverse", "HEAD", *every, *paths) or b""
    return [State(commit, None) for commit in listed.decode().split()]


def _lay_out(lock: Mapping[str, Any], fetch: Fetch, folder: Path) -> None:
    """Put every out that a run shows where it lies in a workspace; the rest of them is left out."""
    for stage in lock["stages"].values():
        for out in stage.get("outs", []):
            path, md5 = str(out["path"]), str(out["md5"])
            if path.startswith(SHOWN):
                refuse_hostile(path, md5)
                fetch(path, md5, folder / path)


def _disagreements(lock: Mapping[str, Any], names: Iterable[str], folder: Path | None) -> list[str]:
    """Paths and params sections that two stages saw differently, or that are laid out otherwise in
    the folder.
    """
    seen: dict[str, set[str]] = {}
    for name in names:
        stage = lock["stages"][name]
        for item in [*stage.get("deps", []), *stage.get("outs", [])]:
            seen.setdefault(item["path"], set()).add(item["md5"])
            if folder is not None and (folder / item["path"]).exists():
                seen[item["path"]].add(md5_of(folder / item["path"]))
        for section, values in stage.get("params", {}).get(str(PARAMS), {}).items():
            seen.setdefault(section, set()).add(digest(values))
    return [name for name, values in seen.items() if len(values) > 1]


def _says(params: str, inputs: Inputs) -> bool:
    """Whether this params.yaml is the one that the run had."""
    try:
        values = YAML(typ="safe").load(params)
    except YAMLError:  # a commit with the marks of a merge, say
        return False
    return isinstance(values, dict) and all(
        values.get(section) == wanted for section, wanted in inputs.params.items()
    )


def _package(code: Path | None, inputs: Inputs) -> Path | None:
    """The library, if it is the one that the run used and can serve a model."""
    if code is None or not any((code / PACKAGE / path).exists() for path in ENTRIES):
        return None
    same = all(_is_of_code(code, path, md5) for path, md5 in inputs.code.items())
    return code / PACKAGE if same else None


def _is_of_code(code: Path, path: str, md5: str) -> bool:
    """Whether the code under `code` is that of a dep on code: a file, a folder, a stage's notes."""
    if not path.startswith(NOTES.as_posix()):
        return (code / path).exists() and md5_of(code / path) == md5
    stage = PurePosixPath(path).stem
    texts = (text_of(stage_digests(code, stage, generated)) for generated in (True, False))
    return md5 in {hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts}
