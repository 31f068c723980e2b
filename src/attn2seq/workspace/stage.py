"""What every stage script shares: its settings, its voice, and how it ends."""

import errno
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

import attn2seq
from attn2seq.config import Settings, read_yaml, validate
from attn2seq.errors import StoppedError, UserError
from attn2seq.workspace.code_digests import is_generated, refuse_other_code, stage_files
from attn2seq.workspace.fingerprint import outs_of_workspace, stage_inputs
from attn2seq.workspace.lock import sole_stage
from attn2seq.workspace.paths import PARAMS
from attn2seq.workspace.timings import note_seconds

NOTING = "code"  # the stage that notes the code of the others
_OBJECTS_TO_COLLECTION = 100_000
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Stage:
    """A running stage: paths are relative to the working directory, a repository or its copy."""

    name: str
    params: dict[str, Any]
    inputs: dict[str, Any]  # its params and code digests as they stood when it began

    @property
    def root(self) -> Path:
        """The workspace, an absolute path."""
        return Path.cwd()

    def settings(self, kind: type[S], section: str | None = None) -> S:
        """The validated section, by default the one named like the stage. Raises ConfigError."""
        name = section or self.name
        record = validate({name: kind}, self.params, source=str(PARAMS))[name]
        assert isinstance(record, kind)
        return record

    def say(self, text: str) -> None:
        """A line of progress; a progress bar below it stays whole."""
        tqdm.write(f"{self.name}: {text}", file=sys.stderr)
        sys.stderr.flush()

    def say_result(self, path: Path | str) -> None:
        """Where the result lies."""
        self.say(f"results in {path}")


def main_root() -> Path:
    """The main repository, also from within a queued experiment's temporary copy of it."""
    if root := os.environ.get("DVC_ROOT"):
        return Path(root)
    here = Path.cwd()
    return next((place for place in (here, *here.parents) if (place / ".dvc").is_dir()), here)


def run_stage(
    name: str, main: Callable[[Stage], float | None], then: Callable[[Stage], None] | None = None
) -> None:
    """Run a stage and leave the process: 0, 1 after a user's mistake, 130 after Ctrl-C, or as told.

    `main` may give the seconds that it took before it was interrupted and resumed. `then` follows a
    good end, for what can no longer change the result.
    """
    with _ended(name), sole_stage(name, main_root()):
        started = time.monotonic()
        stage = _begun(name)
        earlier_s = main(stage) or 0.0
        _refuse_edits(stage)
        seconds = earlier_s + time.monotonic() - started
        note_seconds(main_root(), name, outs_of_workspace(stage.root, name), seconds)
        if then:
            then(stage)


def help_stage(name: str, main: Callable[[Stage], None]) -> None:
    """The same for a process that helps one which runs the stage, holds the workspace and records
    the result.
    """
    with _ended(name):
        main(_begun(name))


def _begun(name: str) -> Stage:
    params = read_yaml(PARAMS)
    stage = Stage(name, params, stage_inputs(Path.cwd(), name, params))
    _refuse_newer_code(stage)
    if name != NOTING:
        refuse_other_code(stage.root, name, stage.inputs["code"])
    return stage


@contextmanager
def _ended(name: str) -> Iterator[None]:
    """Turns what ends a stage into a line and an exit status."""
    try:
        yield
    except (UserError, OSError) as error:
        print(f"{name}: error: {error}{_remedy(error)}", file=sys.stderr)
        sys.exit(1)
    except StoppedError as stopped:
        print(f"{name}: {stopped}", file=sys.stderr)
        sys.exit(stopped.status)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(130)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within the block Python seldom looks for cycles of objects, of which rows of text make none.

    At its usual pace that took a quarter of the time in which a million pairs are prepared.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_TO_COLLECTION)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _remedy(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ". Free some space (`make gc` lists what can be removed) and run again" if full else ""


def _refuse_newer_code(stage: Stage) -> None:
    """Code saved since this process began may not be what it runs: its imports take seconds."""
    spec = sys.modules["__main__"].__spec__
    package = sys.modules.get("pipeline")
    if spec is None or package is None or not spec.name.startswith("pipeline."):
        return  # the process is not the stage's own
    if not Path(attn2seq.__file__).is_relative_to(stage.root):
        raise UserError(
            f"the package attn2seq was loaded from {Path(attn2seq.__file__).parent}, which is not "
            "in this folder: the result would be recorded under other code. Set PYTHONPATH=src, as "
            "dvc.yaml does"
        )
    files = stage_files(stage.root, stage.name, is_generated(stage.root, stage.params))
    newer = [
        path.relative_to(stage.root).as_posix()
        for path in files.values()
        if path.stat().st_mtime > package.BEGUN
    ]
    if newer:
        raise UserError(
            f"edited while the stage began: {', '.join(newer)}. What it has loaded may be the "
            "state before the edit; run `dvc repro` again"
        )


def _refuse_edits(stage: Stage) -> None:
    """DVC records params and code as they stand when a stage ends, so an edit must not pass."""
    before, after = stage.inputs, stage_inputs(Path.cwd(), stage.name, read_yaml(PARAMS))
    if after == before:
        return
    edited = [
        f"params.yaml, section {key}" if kind == "params" else key
        for kind in ("params", "code")
        for key in before[kind].keys() | after[kind].keys()
        if before[kind].get(key) != after[kind].get(key)
    ]
    raise UserError(
        f"edited while the stage ran: {', '.join(sorted(edited))}. The result follows from the "
        f"state before the edit, so it is not recorded; run `dvc repro` again"
    )
