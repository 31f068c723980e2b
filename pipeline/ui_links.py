"""Addresses inside the MLflow UI, which by itself opens elsewhere than at the charts."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from attn2seq.runs import Shown, Store


def how_to_look(store: Store, runs: Sequence[Shown], port: int) -> str:
    """How to open the UI, at the charts of the latest run's experiment and at a comparison.

    `runs` are the latest ones, the latest first. Where the store is a database here, `make ui`
    serves it at `port`; a server has its own address.
    """
    served = store.artifacts is None
    address = store.uri.rstrip("/") if served else f"http://127.0.0.1:{port}"
    lines = [f"MLflow: {address}" + ("" if served else "  (while `make ui` runs)")]
    if runs:
        experiment = f"{address}/#/experiments/{runs[0].experiment_id}"
        lines.append(f"  charts of all runs  {experiment}/runs?compareRunsMode=CHART")
        lines.append(f"  the latest run      {experiment}/runs/{runs[0].run_id}")
    if len(runs) > 1:
        ids = _listed([run.run_id for run in runs])
        experiments = _listed(sorted({run.experiment_id for run in runs}))
        lines.append(
            f"  the latest {len(runs)} runs   {address}/#/compare-runs?runs={ids}"
            f"&experiments={experiments}"
        )
    return "\n".join(lines)


def _listed(ids: Sequence[str]) -> str:
    return quote(json.dumps(list(ids), separators=(",", ":")))
