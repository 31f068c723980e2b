"""How a verb ends: what its exit status says, and what becomes of text still to be printed."""

import os
import sys
import tempfile
import traceback

INTERRUPTED = 130  # as shells have it for a process that Ctrl-C ended
OWN = "attn2seq"
ENDS_ITSELF = ("click", "typer")  # after a wrong command line


def leave_stdout() -> None:
    """The reader has gone, or seen enough: what is still buffered must not fail at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def told_by_library(error: Exception) -> str | None:
    """A line in place of the traceback of an error that a library raised, and where that is saved.

    None where this project's own code raised it, a defect that is to be seen whole.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised_by = str(frames[-1].f_globals.get("__name__", "")).partition(".")[0] if frames else OWN
    if raised_by in (OWN, *ENDS_ITSELF):
        return None
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{OWN}-error-", suffix=".txt", encoding="utf-8", delete=False
    ) as file:
        traceback.print_exception(error, file=file)
    reason = (str(error).strip() or "no reason given").splitlines()[0][:300]
    return (
        f"{raised_by} cannot go on: {reason} ({type(error).__name__}). Perhaps a file is damaged: "
        f"`git status` shows what differs from the last commit. The details are in {file.name}"
    )
