"""One stage at a time in a workspace.

DVC sees to that while it lives. Where it alone is killed (the system was out of memory, say), its
stage goes on, and the next `dvc repro` would start another beside it, which writes the same files.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from attn2seq.errors import UserError
from attn2seq.whole import write_json
from attn2seq.workspace.paths import CACHE


@contextmanager
def sole_stage(name: str, root: Path) -> Iterator[None]:
    """Hold the workspace for the stage; `root` is the main repository.

    A queued experiment runs in a copy that is its own, and needs no lock. Raises UserError where
    another stage is at work, or where the cache cannot be written.
    """
    if Path.cwd() != root.resolve():
        yield
        return
    cache = root / CACHE
    lock, holder = FileLock(cache / "stage.lock"), cache / "stage.json"
    try:
        cache.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(_busy(holder)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"{cache} cannot be written ({error.strerror}). Stages keep downloads, checkpoints and "
            "times there: make it writable, and run again"
        ) from None
    try:
        # Who it is helps the next one to say so; on a full disk it stays unsaid.
        with suppress(OSError, UserError):
            write_json(holder, {"stage": name, "pid": os.getpid()})
        yield
    finally:
        lock.release()


def _busy(holder: Path) -> str:
    try:
        values = json.loads(holder.read_text(encoding="utf-8"))
        who = f"process {values['pid']} is still running the stage {values['stage']}"
        stop = f"kill {values['pid']}"
    except (OSError, ValueError, KeyError):
        who, stop = "another process is still running a stage", "kill it"
    return (
        f"{who} in this folder, though its `dvc` may be gone. Wait for it, or stop it ({stop}), "
        "and run again"
    )
