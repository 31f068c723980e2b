"""How a verb ends: what its exit status says, and what becomes of text still to be printed."""

import os
import sys

INTERRUPTED = 130  # as shells have it for a process that Ctrl-C ended


def leave_stdout() -> None:
    """The reader has gone, or seen enough: what is still buffered must not fail at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
