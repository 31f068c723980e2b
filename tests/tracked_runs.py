"""What MLflow shows of a workspace, and the command that shows it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def client_of(root: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def runs_in(root: Path) -> list[Any]:
    client = client_of(root)
    experiments = [item.experiment_id for item in client.search_experiments()]
    return list(client.search_runs(experiments))


def contents(root: Path) -> Any:
    """All that can be seen of the only run."""
    (run,) = runs_in(root)
    client = client_of(root)
    curves = {
        key: [(point.step, point.value, point.timestamp) for point in points]
        for key in run.data.metrics
        if (points := client.get_metric_history(run.info.run_id, key))
    }
    files = sorted(str(path) for path in (root / "mlartifacts").rglob("*"))
    return run.to_dictionary(), curves, files


def start(root: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """attn2seq.runs.show as a process of its own."""
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    return subprocess.Popen(
        [sys.executable, "-m", "attn2seq.runs.show", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
