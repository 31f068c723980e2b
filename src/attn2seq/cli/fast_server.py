"""Serves a model by this project's own application, which decodes requests together."""

import ipaddress
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from attn2seq.api import find_model
from attn2seq.cli.local_server import listen
from attn2seq.errors import UserError

if TYPE_CHECKING:
    import socket

    from attn2seq.decoding.translator import Translator

PACKAGES = ("prometheus_client", "starlette", "uvicorn")
KEEP_ALIVE_S = 75
"""Longer than proxies keep a connection: else one may send as it is being closed."""


def check_packages() -> None:
    """Raises UserError where what the server is made of is not installed."""
    if lacking := [name.replace("_", "-") for name in PACKAGES if find_spec(name) is None]:
        raise UserError(
            f"--fast needs {', '.join(lacking)}, not installed here: pip install 'attn2seq[serve]'"
        )


def serve_fast(model: str, host: str, port: int) -> int:
    """Serve what the name means until Ctrl-C or SIGTERM, which end it once what was accepted is
    answered.

    The exit status, 0. Raises UserError, also where the model cannot be loaded.
    """
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # Before the seconds that loading takes.
        with listen(port, "serve", host) as listening:
            _serve(model, listening)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, usual)
    return 0


def _serve(model: str, listening: "socket.socket") -> None:
    import uvicorn

    from attn2seq.serving.app import make_app

    failed: list[Exception] = []

    def fail(error: Exception) -> None:
        failed.append(error)
        server.should_exit = True

    app = make_app(lambda: _load(model), fail)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.ending = True
            super().handle_exit(sig, frame)

    server = Server(
        uvicorn.Config(
            app, lifespan="on", log_level="warning", access_log=False, server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            log_config=None,  # its own closes the handlers, and streams, of other libraries
        )
    )  # fmt: skip
    _tell(model, *listening.getsockname()[:2])
    server.run([listening])
    if failed:
        raise failed[0]


def _tell(model: str, host: str, port: int) -> None:
    if not ipaddress.ip_address(host).is_loopback:
        print(
            f"attn2seq serve: other machines may reach {host}, where there is neither a password "
            "nor encryption: put a proxy with both before it",
            file=sys.stderr,
        )
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(
        f"serving {model}; in a moment, try\n  curl {address}/invocations "
        """-H 'Content-Type: application/json' -d '{"inputs": ["a text"]}'""",
        flush=True,
    )


def _load(model: str) -> "Translator":
    from attn2seq.model.device import tune_cpu

    tune_cpu()  # this process does nothing else

    def tell(text: str) -> None:
        """Nothing: what is to be said of a text is in its answer."""

    with tempfile.TemporaryDirectory() as scratch:
        folder = find_model(model, Path(scratch))
        if folder.recordings:
            raise UserError(
                f"{model} reads recordings, which are not served: use attn2seq.load, or "
                "`attn2seq demo`"
            )
        return folder.translator(tell)
