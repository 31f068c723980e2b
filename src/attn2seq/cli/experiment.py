"""Runs an experiment, or a grid of them, and ends in a table of the best by dev score.

Each runs in a copy of the workspace, one after the other, or as the queue's jobs: what is
interrupted leaves the workspace as it was.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.runs.circumstances import git, note_ending, note_sweep
from attn2seq.runs.experiment_names import experiment_names, values_of
from attn2seq.runs.experiment_results import Row, best_of, markdown_table, result_rows, table
from attn2seq.runs.links import COMPARED, PORT, how_to_look
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.names import NOTE
from attn2seq.runs.record import Ending, Group, Store, StoreUnavailableError, Sweep
from attn2seq.runs.revisions import experiments
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.paths import CATALOGUE, PARAMS
from attn2seq.workspace.quiet_dvc import dvc_command
from attn2seq.workspace.stage import main_root

Overrides = list[str]  # key=value, as dvc exp run -S takes them
Show = Callable[[Sequence[Row]], None]  # what came of the grid, in the parent run


def run_experiments(set_param: Sequence[str], name: str | None, queue: bool, jobs: int) -> int:
    """The exit status: 1 where an experiment failed. Raises UserError before any has begun."""
    points = expand(set_param)
    corpora = [checked_corpus(point) for point in points]
    root = main_root()
    names = experiment_names(points, name, {state.exp_name for state in experiments(root)})
    store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
    sweep = None
    if len(points) > 1:
        sweep = note_sweep(root, ", ".join(values_of(points)), names)
    with _sweep(sweep, corpora, store, root) as show:
        _run_all(names, points, queue, jobs)
        rows = result_rows(root, names, corpora)
        show(rows)
    print("\n" + "\n".join(table(rows)))
    _say_how_to_go_on(store, best_of(rows))
    return 0 if all(row.dev is not None for row in rows) else 1


def expand(set_param: Sequence[str]) -> list[Overrides]:
    """The points of the grid, in its order; one where no key has several values."""
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import get_hydra_sweeps
    from hydra.errors import HydraException

    try:
        sweeps = get_hydra_sweeps({str(PARAMS): list(set_param)})
    except (DvcException, HydraException) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"-S {' -S '.join(set_param)} cannot be read: {reason}") from None
    return [list(sweep[str(PARAMS)]) for sweep in sweeps]


def checked_corpus(point: Overrides) -> str:
    """The corpus of the experiment. Raises UserError where its params cannot work."""
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory() as scratch:
        params = Path(scratch) / PARAMS.name
        params.write_bytes(PARAMS.read_bytes())
        try:
            apply_overrides(str(params), point)
        except DvcException as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise UserError(f"{', '.join(point)}: {reason}") from None
        values = read_yaml(params)
    try:
        check_params(values, CATALOGUE)
    except UserError as error:
        raise UserError(f"with {', '.join(point)}, {error}") from None
    return str(values["download"]["corpus"])


def _run_all(names: Sequence[str], points: Sequence[Overrides], queue: bool, jobs: int) -> None:
    """Whatever becomes of one of them, the next one is run; the table tells."""
    mode = "--queue" if queue else "--temp"
    for name, point in zip(names, points, strict=True):
        print(f"experiment {name}" + (": queued" if queue else ""), flush=True)
        settings = [part for override in point for part in ("-S", override)]
        _dvc("exp", "run", mode, "--name", name, *settings)
    if queue:
        _dvc("exp", "run", "--run-all", "--jobs", str(jobs))


def _dvc(*arguments: str) -> None:
    with subprocess.Popen(dvc_command(*arguments), env=os.environ | identity()) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()  # Ctrl-C reaches it, too: let it save the training and clear its copy
            raise


def identity() -> dict[str, str]:
    """DVC commits each experiment, for which git wants a name: one for who has set none."""
    if git(Path.cwd(), "config", "user.email"):
        return {}
    who = {"NAME": "attn2seq", "EMAIL": "attn2seq@localhost"}
    return {f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who}


@contextmanager
def _sweep(sweep: Sweep | None, corpora: Sequence[str], store: Store, root: Path) -> Iterator[Show]:
    """Show the grid as a parent run of each corpus while it lasts; a store that is down is told."""
    parents: list[str] = []
    if sweep is not None:
        with _told():
            runs = Runs(store, COMPLETE_TIMEOUT_S)
            for corpus in dict.fromkeys(corpora):
                parents.append(runs.open_sweep(Group(corpus, NOTE, sweep)).run_id)
                runs.reopen(parents[-1])
    ending: Ending = "KILLED"

    def show(rows: Sequence[Row]) -> None:
        nonlocal ending
        ending = "FINISHED" if all(row.dev is not None for row in rows) else "FAILED"
        with _told():
            for parent in parents:
                runs.describe(parent, markdown_table(rows))

    try:
        yield show
    finally:
        if sweep is not None:
            note_ending(root, sweep, ending)
        with _told():
            for parent in parents:
                runs.end(parent, ending)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        print(f"{error}; `make track ALL=1` shows the runs later", file=sys.stderr)


def _say_how_to_go_on(store: Store, names: Sequence[str]) -> None:
    """`names` are those of the experiments with the best score: several where they tie."""
    if names[1:]:
        print(f"\na tie: {', '.join(names)} have the same score on dev")
    if names:
        which = "the first of them" if names[1:] else "the best"
        print(f"\n`dvc exp apply {names[0]}` applies {which} to the workspace")
    with _told():
        print(how_to_look(store, Runs(store, COMPLETE_TIMEOUT_S).latest(COMPARED), PORT))
