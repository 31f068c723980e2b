"""The console command: `attn2seq translate "a dog runs"`, and what else can be asked of a model.

What rebuilds results is `make repro`, and the other commands of the Makefile.
"""

import argparse
import sys
from importlib.metadata import version


def main(arguments: list[str] | None = None) -> int:
    """Hand the arguments to the command named first; the exit status is the command's."""
    parser = _parser()
    options = parser.parse_args(arguments)
    # A command is imported when it is asked for: `attn2seq --help` waits for no torch.
    match options.command:
        case "translate":
            from attn2seq.cli import translate

            return translate.main(options.arguments)
        case "demo":
            from attn2seq.cli import demo

            return demo.main(options.arguments)
        case _:
            parser.print_help()
            return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attn2seq",
        usage="attn2seq [--help] [--version] COMMAND ...",
        description="Attention sequence-to-sequence models.",
        epilog=(
            "commands:\n"
            "  translate   translate lines of text: arguments, a file or standard input\n"
            "  demo        a web page on this machine: type a sentence, see its translation\n\n"
            "`attn2seq COMMAND --help` tells more of each. Training and its results are made by\n"
            "`make repro`; `make help` lists what else there is."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"attn2seq {version('attn2seq')}")
    parser.add_argument("command", nargs="?", choices=("translate", "demo"), help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
