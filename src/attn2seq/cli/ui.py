"""Serves the MLflow UI on this machine, and says where to look; on a desktop it opens a browser."""

import os
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import urlopen

from attn2seq.cli.local_server import HOST, refuse_taken, served
from attn2seq.runs.links import COMPARED, Link, address_of, how_to_look, links
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import Store
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root

# The charts, and the table.
OPENED = 2
# Its job runners judge traces of language models: eight processes, for nothing that is shown here.
NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def show_ui(port: int) -> int:
    """The exit status: that of MLflow's server. Raises UserError."""
    store = store_of(main_root(), os.environ.get("MLFLOW_TRACKING_URI"))
    if store.artifacts is not None:
        refuse_taken(port, "ui")
    runs = Runs(store, COMPLETE_TIMEOUT_S).latest(COMPARED)
    print(how_to_look(store, runs, port), flush=True)
    to_open = links(store, runs, port)[:OPENED] if _on_a_desktop() else []
    if store.artifacts is None:
        _open(to_open)
        return 0
    return _serve(store, port, to_open)


def _serve(store: Store, port: int, to_open: Sequence[Link]) -> int:
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port)]
    # One reader needs no more than one worker.
    command += ["--backend-store-uri", store.uri, "--workers", "1"]
    try:
        with served(command, env=NO_JOBS | os.environ) as server:
            address = address_of(store, port)
            threading.Thread(
                target=_open_when_served, args=(server, address, to_open), daemon=True
            ).start()
            return server.wait()
    except KeyboardInterrupt:
        return 0  # how it is ended


def _open_when_served(
    server: subprocess.Popen[bytes], address: str, to_open: Sequence[Link]
) -> None:
    while server.poll() is None:
        try:
            with urlopen(f"{address}/health", timeout=1):
                break
        except (URLError, OSError):
            time.sleep(0.3)
    else:
        return
    _open(to_open)


def _open(to_open: Sequence[Link]) -> None:
    for link in to_open:
        webbrowser.open(link.address)


def _on_a_desktop() -> bool:
    """Whether a browser would be seen: a screen here, or one that the user names in BROWSER."""
    screens = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in screens)
