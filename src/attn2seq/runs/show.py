"""Shows runs in MLflow: adds what is missing there, and changes nothing that is there.

python -m attn2seq.runs.show                  the run that the workspace's dvc.lock describes
python -m attn2seq.runs.show --all            every commit's and DVC experiment's too
python -m attn2seq.runs.show --after evaluate    the workspace's run, from within that stage
python -m attn2seq.runs.show --follow FILE    a training's curves, while it runs
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attn2seq
from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.runs import restore
from attn2seq.runs.collect import MODEL, Circumstances, collected_record
from attn2seq.runs.files import REPORT
from attn2seq.runs.follow import follow, watch_stdin
from attn2seq.runs.links import COMPARED, PORT, how_to_look
from attn2seq.runs.mlflow_store import Tracker
from attn2seq.runs.outage import Outage
from attn2seq.runs.patience import complete_within_limits
from attn2seq.runs.record import Completed, RunRecord, Store, TrackingUnavailableError
from attn2seq.runs.sweeps import sweep_of
from attn2seq.workspace.fingerprint import RUN_STAGES, Inputs, inputs_of_workspace
from attn2seq.workspace.stage import PARAMS, main_root

# Seconds until a server counts as down: short beside a training, longer where files are sent.
FOLLOW_TIMEOUT_S, COMPLETE_TIMEOUT_S = 3, 20
PACKAGE = Path(attn2seq.__file__).parent


def main(arguments: list[str]) -> int:
    """The exit status: a store that does not answer is no fault of a stage, but of `make track`."""
    options = _parser().parse_args(arguments)
    if options.quiet and not _enabled():
        return 0
    root = main_root()
    store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
    try:
        if options.follow is not None:
            _show_training(options.follow, store, root / ".cache")
        elif options.after is not None:
            record = running_record(Path.cwd(), root / ".cache", options.after)
            complete_within_limits(record, store, Outage(root / ".cache", record.fingerprint))
        elif options.quiet:
            with workspace_record(Path.cwd(), root / ".cache") as record:
                outage = Outage(root / ".cache", record.fingerprint)
                if completed := complete_within_limits(record, store, outage):
                    print(_outcome("workspace", completed))
        else:
            tracker = Tracker(store, COMPLETE_TIMEOUT_S)
            if options.all:
                track_committed(tracker, root)
            track_workspace(tracker, Path.cwd(), root / ".cache")
            print(how_to_look(store, tracker.latest(COMPARED), PORT))
    except TrackingUnavailableError as error:
        print(str(error), file=sys.stderr)
        return 1
    except restore.NothingToRestoreError as error:
        print(f"workspace: nothing to add: {error}", file=sys.stderr)
        return 0 if options.all else 1
    except UserError as error:
        print(f"track: {error}", file=sys.stderr)
        return 1
    return 0


def _show_training(snapshot: Path, store: Store, cache: Path) -> None:
    """Follow the training of a snapshot until it ends; a store that is down is told."""
    outage = Outage(cache, json.loads(snapshot.read_text("utf-8"))["run_fingerprint"])
    outage.over()
    ended = watch_stdin(outage)
    try:
        tracker = Tracker(store, FOLLOW_TIMEOUT_S)
        follow(snapshot, tracker, circumstances(Path.cwd()), ended)
    except TrackingUnavailableError as error:
        outage.tell(str(error), no_answer=True)


def _enabled() -> bool:
    """Whether params.yaml asks for runs to be shown without being told to."""
    section = read_yaml(PARAMS).get("track")
    return isinstance(section, dict) and section.get("enabled") is True


def store_of(root: Path, uri: str | None) -> Store:
    """The server at `uri`, or else the database in the main repository."""
    lock = root / "mlflow.db.lock"
    if uri is None or not uri.strip():
        database = root / "mlflow.db"
        return Store(f"sqlite:///{database}", lock, database, root / "mlartifacts")
    served = uri.startswith(("http:", "https:"))
    return Store(uri, lock, artifacts=None if served else root / "mlartifacts")


def circumstances(workspace: Path) -> Circumstances:
    """Of a run in this workspace, now. Outputs and params.yaml do not make a commit dirty: the
    former follow from the run, the latter is in it.
    """
    apart = [f":(exclude){path}" for path in ("dvc.lock", "params.yaml", "results")]
    changes = restore.git(workspace, "status", "--porcelain", "-uno", "--", ".", *apart)
    head = restore.git(workspace, "rev-parse", "HEAD")
    return Circumstances(
        # In an experiment's copy HEAD may be a commit that only the copy has.
        git_commit=os.environ.get("DVC_EXP_BASELINE_REV") or (head or b"").decode().strip() or None,
        git_dirty=bool(changes),
        dvc_exp_name=os.environ.get("DVC_EXP_NAME"),
        package=PACKAGE,
        sweep=sweep_of(main_root() / ".cache", os.environ.get("DVC_EXP_NAME")),
    )


def running_record(workspace: Path, cache: Path, stage: str) -> RunRecord:
    """The workspace's run as seen from a stage that has just ended, before DVC writes dvc.lock.

    Raises UserError where an earlier stage of this pipeline had other params or code.
    """
    inputs = inputs_of_workspace(workspace)
    if edited := _edited_since(workspace, inputs, stage):
        raise UserError(
            f"edited since an earlier stage ran: {', '.join(edited)}. No run is shown of results "
            "that follow from both states; run `dvc repro` again"
        )
    # Until their stages have run, the report and the model folder are those of the run before.
    later = {"report": REPORT, "package": MODEL}
    leave_out = {"dvc.lock", *(path for name, path in later.items() if name != stage)}
    return collected_record(
        workspace,
        inputs,
        circumstances(workspace),
        cache,
        frozenset(leave_out),
    )


def _edited_since(workspace: Path, inputs: Inputs, stage: str) -> list[str]:
    """Sections and code files that stages before this one had otherwise, as dvc.lock tells."""
    lock = workspace / "dvc.lock"
    stages = read_yaml(lock)["stages"] if lock.exists() else {}
    edited = set()
    for name in RUN_STAGES:
        if name == stage:
            break
        entry = stages.get(name, {})
        sections = entry.get("params", {}).get("params.yaml", {})
        edited |= {key for key, values in sections.items() if inputs.params.get(key) != values}
        code = {dep["path"]: dep["md5"] for dep in entry.get("deps", [])}
        edited |= {path for path in code.keys() & inputs.code if inputs.code[path] != code[path]}
    return sorted(edited)


def track_workspace(tracker: Tracker, workspace: Path, cache: Path) -> Completed:
    """Complete the run of the workspace's dvc.lock, and say so. Raises UserError."""
    with workspace_record(workspace, cache) as record:
        return _complete(tracker, "workspace", record)


@contextmanager
def workspace_record(workspace: Path, cache: Path) -> Iterator[RunRecord]:
    """The run of the workspace's dvc.lock, its files laid out meanwhile. Raises UserError."""
    source = restore.workspace_source(workspace)
    with tempfile.TemporaryDirectory() as scratch:
        about = circumstances(workspace)
        yield restore.restored_record(source, about, cache, Path(scratch))


def track_committed(tracker: Tracker, root: Path) -> None:
    """Complete the run of every commit and experiment whose results can be had; a line for each."""
    dvc_cache = restore.dvc_cache(root)
    for state in restore.committed_states(root):
        with tempfile.TemporaryDirectory() as scratch:
            folder, code = Path(scratch, "state"), Path(scratch, "code")
            source = restore.commit_source(root, state.commit, dvc_cache, code)
            about = Circumstances(
                git_commit=state.commit,
                dvc_exp_name=state.exp_name,
                sweep=sweep_of(root / ".cache", state.exp_name),
            )
            try:
                record = restore.restored_record(source, about, root / ".cache", folder)
            except restore.NothingToRestoreError as error:
                print(f"{state.label}: nothing to restore: {error}")
            else:
                _complete(tracker, state.label, record)


def _complete(tracker: Tracker, label: str, record: RunRecord) -> Completed:
    completed = tracker.complete(record)
    print(_outcome(label, completed))
    return completed


def _outcome(label: str, completed: Completed) -> str:
    what = f"added {', '.join(completed.added)}" if completed.added else "complete"
    return f"{label}: run {completed.name}: {what}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attn2seq.runs.show", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--all", action="store_true", help="every commit's and experiment's run too")
    mode.add_argument("--after", metavar="STAGE", choices=("evaluate", "package", "report"))
    mode.add_argument("--follow", metavar="FILE", type=Path)
    parser.add_argument("--quiet", action="store_true", help="a store that is down is no failure")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
