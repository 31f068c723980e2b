"""DVC without its progress bars: `python -m attn2seq.workspace.quiet_dvc repro`.

In a terminal DVC draws a bar for each file that it hashes, copies or looks up, hundreds in a run,
most of them for a few milliseconds, between the lines of the stages. Its option `--quiet` would
silence errors and the names of the stages, too.
"""

import logging
import sys
from collections.abc import Sequence

# Each draws bars unless its level is above ERROR, and writes no messages of its own.
BAR_LOGGERS = ("dvc.progress", "dvc_data.callbacks")


def dvc_command(*arguments: str) -> list[str]:
    """The command line that runs DVC with these arguments."""
    return [sys.executable, "-m", "attn2seq.workspace.quiet_dvc", *arguments]


def without_bars() -> None:
    """Have DVC draw no bars in this process either."""
    import dvc  # noqa: F401  # sets up its loggers, and only then can theirs be changed

    for name in BAR_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def main(arguments: Sequence[str]) -> int:
    """DVC's exit status."""
    from dvc.cli import main as dvc_main

    without_bars()
    return int(dvc_main(list(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
