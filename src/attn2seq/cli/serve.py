"""Serves the corpus's best model, or another: with MLflow's own server, or with this project's."""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from attn2seq.cli.local_server import HOST, refuse_taken, served
from attn2seq.cli.workspace import choose_model, corpus_name, enter_workspace
from attn2seq.errors import UserError
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import Store
from attn2seq.runs.registry import CHAMPION, Registry
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root


@dataclass(frozen=True)
class Champion:
    """The best model of the workspace's corpus."""

    address: str
    version: str
    store: Store


def serve_model(fast: bool, model: str | None, host: str | None, port: int) -> int:
    """The exit status. Raises UserError."""
    if not fast:
        if model is not None or host is not None:
            raise UserError(
                f"{'--model' if model is not None else '--host'} needs --fast: MLflow's server "
                "serves the champion, on this machine alone"
            )
        return _serve_champion(port)
    from attn2seq.cli.fast_server import check_packages, serve_fast

    check_packages()
    name = _find_champion().address if model is None else choose_model(model)
    return serve_fast(name, host or HOST, port)


def _find_champion() -> Champion:
    enter_workspace()
    root = main_root()
    store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
    name = corpus_name()
    champion = Registry(Runs(store, COMPLETE_TIMEOUT_S), root).champion(name)
    if champion is None:
        raise UserError(f"no model of {name} is champion yet: `attn2seq register` makes one")
    return Champion(f"models:/{name}@{CHAMPION}", champion.version, store)


def _serve_champion(port: int) -> int:
    """The exit status: that of MLflow's server."""
    champion = _find_champion()
    refuse_taken(port, "serve")
    address = f"http://{HOST}:{port}/invocations"
    print(
        f"serving {champion.address}, version {champion.version}; in a moment, try\n"
        f"""  curl {address} -H 'Content-Type: application/json' -d '{{"inputs": ["a text"]}}'""",
        flush=True,
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", champion.address]
    command += ["--env-manager", "local", "--host", HOST, "--port", str(port)]
    # From elsewhere, so that the code that goes with the model is used, and none of this folder.
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = apart | {"MLFLOW_TRACKING_URI": champion.store.uri}
    try:
        with (
            tempfile.TemporaryDirectory() as elsewhere,
            served(command, Path(elsewhere), environment) as server,
        ):
            return server.wait()
    except KeyboardInterrupt:
        return 0  # how it is ended
