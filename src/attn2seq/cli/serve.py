"""Serves the corpus's best model with MLflow's own server, on this machine alone unless told.

python -m attn2seq.cli.serve --port 5001
curl -H 'Content-Type: application/json' -d '{"inputs": ["a text"]}' 127.0.0.1:5001/invocations
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from attn2seq.cli.local_server import HOST, refuse_taken, served
from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.registry import CHAMPION, Registry
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.paths import PARAMS
from attn2seq.workspace.stage import main_root

PORT = 5001


def main(arguments: list[str]) -> int:
    """The exit status: 1 after a user's mistake, else that of MLflow's server."""
    options = _parser().parse_args(arguments)
    store = store_of(main_root(), os.environ.get("MLFLOW_TRACKING_URI"))
    try:
        name = read_yaml(PARAMS)["download"]["corpus"]
        refuse_taken(options.port, "make serve")
        champion = Registry(Runs(store, COMPLETE_TIMEOUT_S)).champion(name)
        if champion is None:
            raise UserError(f"no model of {name} is champion yet: `make register` makes one")
    except UserError as error:
        print(f"serve: error: {error}", file=sys.stderr)
        return 1
    model = f"models:/{name}@{CHAMPION}"
    address = f"http://{HOST}:{options.port}/invocations"
    print(
        f"serving {model}, version {champion.version}; in a moment, try\n  curl {address} "
        """-H 'Content-Type: application/json' -d '{"inputs": ["a text"]}'""",
        flush=True,
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    command += ["--env-manager", "local", "--host", HOST, "--port", str(options.port)]
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attn2seq.cli.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
