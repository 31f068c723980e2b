"""Shows runs in MLflow: adds what is missing there, and changes nothing that is there.

python -m attn2seq.runs.show                  the run that the workspace's dvc.lock describes
python -m attn2seq.runs.show --all            every commit's and DVC experiment's too
python -m attn2seq.runs.show --after evaluate    the workspace's run, from within that stage
python -m attn2seq.runs.show --follow FILE    a training's curves, while it runs
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.runs import restore
from attn2seq.runs.beside import wanted
from attn2seq.runs.cached_files import NothingToRestoreError, dvc_cache
from attn2seq.runs.circumstances import circumstances, committed_circumstances
from attn2seq.runs.collect import collected_record
from attn2seq.runs.follow import follow_training
from attn2seq.runs.links import COMPARED, PORT, how_to_look
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.outage import Outage
from attn2seq.runs.record import RunRecord, Shown, Store, StoreUnavailableError
from attn2seq.workspace.door import tells_of_path
from attn2seq.workspace.fingerprint import (
    RUN_STAGES,
    Inputs,
    inputs_of_workspace,
    outs_of_workspace,
)
from attn2seq.workspace.paths import ARTIFACTS, DATABASE, DVC_LOCK, PARAMS
from attn2seq.workspace.stage import main_root

# Seconds until a server counts as down, where files are sent.
COMPLETE_TIMEOUT_S = 20


def main(arguments: list[str]) -> int:
    """The exit status: a store that does not answer is no fault of a stage, but of `make track`."""
    options = _parser().parse_args(arguments)
    if options.quiet and not wanted(read_yaml(PARAMS)):
        return 0
    root = main_root()
    try:
        store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
        if options.follow is not None:
            follow_training(options.follow, store, root)
        elif options.after is not None:
            _complete_bounded(running_record(Path.cwd(), root, options.after), store, root)
        elif options.quiet:
            with workspace_record(Path.cwd(), root) as record:
                if shown := _complete_bounded(record, store, root):
                    _say("workspace", shown)
                    print(how_to_look(store, [shown], PORT))
        else:
            runs = Runs(store, COMPLETE_TIMEOUT_S)
            if options.all:
                show_committed(runs, root)
            show_workspace(runs, Path.cwd(), root)
            print(how_to_look(store, runs.latest(COMPARED), PORT))
    except StoreUnavailableError as error:
        print(str(error), file=sys.stderr)
        return 1
    except NothingToRestoreError as error:
        print(f"workspace: nothing to add: {error}", file=sys.stderr)
        return 0 if options.all else 1
    except UserError as error:
        print(f"track: {error}", file=sys.stderr)
        return 1
    return 0


def _complete_bounded(record: RunRecord, store: Store, root: Path) -> Shown | None:
    """`Runs.complete` from within the pipeline; None where the store did not answer, which is said
    here. Ends this process where it takes too long.
    """
    outage = Outage(root, record.inputs)
    try:
        with outage.bounded():
            shown = Runs(store, outage.answer_s).complete(record)
    except StoreUnavailableError as error:
        outage.tell(str(error), no_answer=True)
        return None
    outage.over()
    return shown


def store_of(root: Path, uri: str | None) -> Store:
    """The server at `uri`, or else the database in the main repository.

    Raises StoreUnavailableError where neither can be.
    """
    if told := tells_of_path(root):
        raise StoreUnavailableError(told)
    lock = root / f"{DATABASE}.lock"
    if uri is None or not uri.strip():
        database = root / DATABASE
        if database.exists() and not database.is_file():  # MLflow would try again for minutes
            raise StoreUnavailableError(f"{database} is no file: remove it, or rename it")
        return Store(f"sqlite:///{database}", lock, database, root / ARTIFACTS)
    try:
        urlsplit(uri)
    except ValueError as error:
        raise StoreUnavailableError(f"MLFLOW_TRACKING_URI={uri} is no address: {error}") from None
    served = uri.startswith(("http:", "https:"))
    return Store(uri, lock, artifacts=None if served else root / ARTIFACTS)


def running_record(workspace: Path, root: Path, stage: str) -> RunRecord:
    """The workspace's run as seen from a stage that has just ended, before DVC writes dvc.lock.

    Raises UserError where an earlier stage of this pipeline had other params or code.
    """
    inputs = inputs_of_workspace(workspace)
    if edited := _edited_since(workspace, inputs, stage):
        raise UserError(
            f"edited since an earlier stage ran: {', '.join(edited)}. No run is shown for results "
            "made from both states; run `dvc repro` again"
        )
    # Until their stages have run, the report and the model folder are those of the run before.
    later = {path for name, path in restore.LATER.items() if name != stage}
    names = dict.fromkeys((*RUN_STAGES, stage))
    outs = {name: outs_of_workspace(workspace, name) for name in names}
    about = circumstances(workspace)
    return collected_record(workspace, inputs, outs, about, root, frozenset({DVC_LOCK, *later}))


def _edited_since(workspace: Path, inputs: Inputs, stage: str) -> list[str]:
    """Sections and code files that stages before this one had otherwise, as dvc.lock tells."""
    lock = workspace / DVC_LOCK
    stages = read_yaml(lock)["stages"] if lock.exists() else {}
    edited = set()
    for name in RUN_STAGES:
        if name == stage:
            break
        entry = stages.get(name, {})
        sections = entry.get("params", {}).get(str(PARAMS), {})
        edited |= {key for key, values in sections.items() if inputs.params.get(key) != values}
        code = {dep["path"]: dep["md5"] for dep in entry.get("deps", [])}
        edited |= {path for path in code.keys() & inputs.code if inputs.code[path] != code[path]}
    return sorted(edited)


def show_workspace(runs: Runs, workspace: Path, root: Path) -> Shown:
    """Complete the run of the workspace's dvc.lock, and say so. Raises UserError."""
    with workspace_record(workspace, root) as record:
        return _say("workspace", runs.complete(record))


@contextmanager
def workspace_record(workspace: Path, root: Path) -> Iterator[RunRecord]:
    """The run of the workspace's dvc.lock, its files laid out meanwhile. Raises UserError."""
    source = restore.workspace_source(workspace)
    with tempfile.TemporaryDirectory() as scratch:
        yield restore.restored_record(source, circumstances(workspace), root, Path(scratch))


def show_committed(runs: Runs, root: Path) -> None:
    """Complete the run of every commit and experiment whose results can be had; a line for each."""
    cache = dvc_cache(root)
    here = Path.cwd() / DVC_LOCK
    for state in restore.committed_states(root):
        about = committed_circumstances(root, state.commit, state.exp_name)
        with tempfile.TemporaryDirectory() as scratch:
            folder, code = Path(scratch, "state"), Path(scratch, "code")
            source = restore.commit_source(root, state.commit, cache, code)
            if here.exists() and here.read_text(encoding="utf-8") == source.lock:
                about = replace(about, restored=False)  # the workspace's own, by another way
            try:
                record = restore.restored_record(source, about, root, folder)
            except UserError as error:  # one commit that cannot be read leaves the others
                print(f"{state.label}: nothing to restore: {error}")
            else:
                _say(state.label, runs.complete(record))


def _say(label: str, shown: Shown) -> Shown:
    print(f"{label}: run {shown.name}: "
          + (f"added {', '.join(shown.added)}" if shown.added else "complete"))  # fmt: skip
    return shown


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
