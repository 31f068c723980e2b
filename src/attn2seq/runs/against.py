"""The two runs that are compared: the workspace's, and the one that a name or a folder means.

    HEAD~2, v1.0, main, 3f2a91c    a commit, tag or branch
    puffy-moth                     a DVC experiment
    ../elsewhere, old/results      another workspace, or a results folder

A run's files are those that its dvc.lock tells, from git, DVC's cache or the workspace; a folder
without dvc.lock is taken at its word.
"""

from dataclasses import replace
from pathlib import Path

from ruamel.yaml import YAML

from attn2seq.comparison.runs import Run
from attn2seq.config import flat_params, nearest, read_yaml
from attn2seq.errors import UserError
from attn2seq.runs.cached_files import NothingToRestoreError, dvc_cache
from attn2seq.runs.circumstances import Circumstances, circumstances, git
from attn2seq.runs.record import RunRecord
from attn2seq.runs.restore import (
    Source,
    commit_source,
    restored_record,
    workspace_source,
)
from attn2seq.runs.revisions import State, find_state, known_names
from attn2seq.workspace.fingerprint import outs_of_lock
from attn2seq.workspace.paths import DVC_LOCK, PARAMS, PREPARED, RESULTS
from attn2seq.workspace.stage import main_root

NEEDED = ("evaluate/sentences.parquet", "train/history.csv", "train/metrics.json")
# How to get what a comparison lacks.
REMEDY = (
    "`dvc fetch --all-commits`, or `dvc exp pull origin NAME` for an experiment, brings it from a "
    "remote. Made again on another kind of processor, it may have other bytes and scores: to "
    "compare with this machine's, commit a run of your own first"
)
NOT_COMPARED = {"report", "track"}
SHOWN_TAGS = {
    "machine.device": "trained on",
    "machine.number_type": "number type",
    "machine.torch": "torch",
    "machine.processor": "processor",
}


def workspace_run(scratch: Path) -> Run:
    """The run of the workspace's dvc.lock, laid out in the folder `scratch`. Raises UserError."""
    here = Path.cwd()
    run = _restored("workspace", workspace_source(here), circumstances(here), here, scratch)
    files = run.results.parent
    needed = (f"{PREPARED}/test.parquet", *(f"{RESULTS}/{path}" for path in NEEDED))
    if gone := next((path for path in needed if not (files / path).is_file()), None):
        raise UserError(
            f"the workspace lacks {gone}, or not the one in dvc.lock: `dvc checkout` "
            "brings it back, `make repro` makes it"
        )
    return run


def run_against(name: str, scratch: Path, here: Path) -> Run:
    """The run that the name means, laid out in the folder `scratch`. Raises UserError.

    A folder's path begins at `here`.
    """
    root = main_root()
    state = find_state(root, name)
    if state is not None:
        return _committed_run(root, name, state, scratch)
    if (here / name).is_dir():
        return _folder_run(name, here / name, scratch)
    known = known_names(root)
    guess = nearest(name, known)
    hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known[:8]) or 'none'}"
    raise UserError(f"{name} is not a commit, tag, branch, DVC experiment or folder here ({hint})")


def _committed_run(root: Path, name: str, state: State, scratch: Path) -> Run:
    if not git(root, "ls-tree", state.commit, "--", str(DVC_LOCK)):
        raise UserError(f"{name} has no dvc.lock, so no results are recorded in it")
    about = Circumstances(git_commit=state.commit, dvc_exp_name=state.exp_name)
    source = commit_source(root, state.commit, dvc_cache(root), scratch / "code")
    run = _restored(name, source, about, root, scratch)
    gone = _missing(run.results)
    return run if gone is None else replace(run, lacks=f"{RESULTS}/{gone}")


def _folder_run(name: str, folder: Path, scratch: Path) -> Run:
    """Another workspace, or a results folder, with or without the files around it."""
    inside = (folder / "evaluate").is_dir()
    workspace, results = (folder.parent, folder) if inside else (folder, folder / RESULTS)
    if gone := _missing(results):
        raise UserError(f"{name} is not a folder of results: it has no {gone}")
    if (workspace / DVC_LOCK).is_file() and results == workspace / RESULTS:
        source = workspace_source(workspace.resolve())
        return _restored(name, source, circumstances(workspace), workspace, scratch)
    params = workspace / PARAMS
    values = read_yaml(params) if params.is_file() else {}
    known = {key: section for key, section in values.items() if key not in NOT_COMPARED}
    flat = flat_params(known)
    return Run(name, results.resolve(), flat.get("download.corpus", "unknown"), flat, {})


def _restored(name: str, source: Source, about: Circumstances, root: Path, scratch: Path) -> Run:
    """The run of the source's dvc.lock, its files laid out in the folder `scratch`.

    Raises UserError.
    """
    folder = scratch / "files"
    try:
        record = restored_record(source, about, root, folder)
    except NothingToRestoreError as error:
        raise UserError(f"{name} has no results to compare: {error}") from None
    prepared = outs_of_lock(YAML(typ="safe").load(source.lock), "prepare").get(str(PREPARED))
    return Run(
        name,
        folder / RESULTS,
        record.params["download.corpus"],
        record.params,
        _facts(record),
        prepared,
    )


def _facts(record: RunRecord) -> dict[str, str]:
    """The run's commit and machine, as far as they are known."""
    facts = {"run": record.name or f"{record.summary}, {str(record.fingerprint)[:6]}"}
    if commit := record.tags.get("mlflow.source.git.commit"):
        edited = record.tags.get("git_dirty") == "true"
        facts["commit"] = commit[:7] + (" with edits" if edited else "")
    return facts | {
        label: record.tags[tag].removeprefix("torch.")
        for tag, label in SHOWN_TAGS.items()
        if tag in record.tags
    }


def _missing(results: Path) -> str | None:
    """The first file that a comparison needs and the folder lacks."""
    return next((path for path in NEEDED if not (results / path).is_file()), None)
