"""Serves the corpus's best model with MLflow's own server, on this machine alone unless told."""

import os
import sys
import tempfile
from pathlib import Path

from attn2seq.cli.local_server import HOST, refuse_taken, served
from attn2seq.cli.workspace import corpus_name
from attn2seq.errors import UserError
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.registry import CHAMPION, Registry
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root


def serve_champion(port: int) -> int:
    """The exit status: that of MLflow's server. Raises UserError."""
    root = main_root()
    store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
    name = corpus_name()
    refuse_taken(port, "serve")
    champion = Registry(Runs(store, COMPLETE_TIMEOUT_S), root).champion(name)
    if champion is None:
        raise UserError(f"no model of {name} is champion yet: `attn2seq register` makes one")
    model = f"models:/{name}@{CHAMPION}"
    address = f"http://{HOST}:{port}/invocations"
    print(
        f"serving {model}, version {champion.version}; in a moment, try\n  curl {address} "
        """-H 'Content-Type: application/json' -d '{"inputs": ["a text"]}'""",
        flush=True,
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    command += ["--env-manager", "local", "--host", HOST, "--port", str(port)]
    # From elsewhere, so that the code that goes with the model is used, and none of this folder.
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = apart | {"MLFLOW_TRACKING_URI": store.uri}
    try:
        with (
            tempfile.TemporaryDirectory() as elsewhere,
            served(command, Path(elsewhere), environment) as server,
        ):
            return server.wait()
    except KeyboardInterrupt:
        return 0  # how it is ended
