"""The command line: `attn2seq VERB ...`. Where it begins, and the one place where errors end.

A verb's signature, its help and its examples are in model_verbs.py, run_verbs.py and
workspace_verbs.py; these import what does the work when it is asked for, so that `--help` and the
shell's completion wait for no large library.
"""

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130  # as shells have it for a process that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit status: its own, 1 after a user's mistake, 2 for a wrong command line,
    130 after Ctrl-C.
    """
    try:
        # Not above: Ctrl-C in the first second is quiet, too.
        from attn2seq.cli.app import app

        app(arguments, prog_name="attn2seq")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:
        leave_stdout()
        return INTERRUPTED
    return 0


def leave_stdout() -> None:
    """The reader has gone, or seen enough: what is still buffered must not fail at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
