"""A web page on this machine alone: type a sentence, see its translation and how it came about.

attn2seq demo                       the model of `make repro`, at http://127.0.0.1:8000
attn2seq demo --model models:/phrasebook@champion --port 8080
"""

import argparse
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attn2seq.api import load
from attn2seq.errors import UserError

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

HOST = "127.0.0.1"
MODEL = "models/model"
DEV = Path("data/prepared/dev.parquet")
EXAMPLES, EXAMPLE_CHARACTERS = 4, 70


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; the exit status: 0, or 1 after a user's mistake."""
    options = _parser().parse_args(arguments)
    try:
        _serve(options)
    except UserError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # how it is ended
    return 0


def _serve(options: argparse.Namespace) -> None:
    with serving(options.model, options.port, options.beam_size, options.nbest) as found:
        server, address = found
        print(f"demo: {address}  (Ctrl-C ends it)", flush=True)
        server.serve_forever()


@contextmanager
def serving(
    model: str, port: int, beam_size: int | None, nbest: int
) -> "Iterator[tuple[BaseWSGIServer, str]]":
    """A server that listens, and its address; port 0 is a free one. Raises UserError."""
    with _listen(port) as listening:  # before the seconds that loading takes
        from werkzeug.serving import make_server

        from attn2seq.cli.demo_app import LiveModel, QuietHandler, make_app
        from attn2seq.model.device import tune_cpu

        notes: list[str] = []
        translator = load(model, beam_size=beam_size, nbest=nbest, warn=notes.append)
        tune_cpu()  # this process does nothing else
        app = make_app(LiveModel(translator, notes), model, _examples(model))
        port = listening.getsockname()[1]
        server = make_server(
            HOST, port, app, threaded=True, request_handler=QuietHandler, fd=listening.fileno()
        )
        yield server, f"http://{HOST}:{port}"


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"port {port} cannot be used ({reason}): choose another, --port 8080, say "
            "(make demo PORT=8080)"
        ) from None


def _examples(model: str) -> list[str]:
    """Sentences to begin with, from the dev set of the workspace's own model."""
    if model != MODEL or not DEV.is_file():
        return []
    import pandas as pd

    sources = [
        text
        for text in pd.read_parquet(DEV, columns=["src"])["src"]
        if 20 <= len(text) <= EXAMPLE_CHARACTERS
    ]
    return sources[:: max(1, len(sources) // EXAMPLES)][:EXAMPLES]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attn2seq demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        default=MODEL,
        help="model folder, revision or MLflow address, as for attn2seq translate; "
        "default %(default)s",
    )
    parser.add_argument("--port", type=int, default=8000, help="default %(default)s; 0: a free one")
    parser.add_argument("--beam-size", type=int, help="hypotheses kept alive; 1: greedy search")
    parser.add_argument("--nbest", type=int, default=5, help="translations shown; default 5")
    return parser


if __name__ == "__main__":
    sys.exit(main())
