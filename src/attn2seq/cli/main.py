"""The command line: `attn2seq VERB ...`. Where it begins, and the one place where errors end.

A verb's signature, its help and its examples are in model_verbs.py, run_verbs.py and
workspace_verbs.py; these import what does the work when it is asked for, so that `--help` and the
shell's completion wait for no large library.
"""

import sys
from collections.abc import Sequence

from attn2seq.cli.ending import INTERRUPTED, leave_stdout


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


if __name__ == "__main__":
    sys.exit(main())
