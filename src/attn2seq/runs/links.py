"""Addresses inside the MLflow UI, which by itself opens elsewhere than at the charts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from attn2seq.metrics import METRICS
from attn2seq.runs.record import Shown, Store

PORT = 5000  # where `make ui` serves unless told
COMPARED = 3  # runs in the link to a comparison
# Without it a browser that is new to MLflow is shown the menu for language models.
TRAINING = "workflowType=machine_learning"


@dataclass(frozen=True)
class Link:
    """What there is to see, in words, and where."""

    what: str
    address: str


def address_of(store: Store, port: int) -> str:
    """Where the UI is: a server has its own address, a database here is served by `make ui`."""
    return f"http://127.0.0.1:{port}" if store.artifacts is not None else store.uri.rstrip("/")


def links(store: Store, runs: Sequence[Shown], port: int) -> list[Link]:
    """What there is to look at. `runs` are the latest ones, the latest first."""
    if not runs:
        return []
    address = f"{address_of(store, port)}/#"
    experiment = f"{address}/experiments/{runs[0].experiment_id}/runs"
    charts = f"{experiment}?compareRunsMode=CHART&{TRAINING}{_best_first(runs[0])}"
    found = [Link("charts of all runs", charts)]
    if len(runs) > 1:
        ids = _listed([run.run_id for run in runs])
        experiments = _listed(sorted({run.experiment_id for run in runs}))
        compared = f"{address}/compare-runs?runs={ids}&experiments={experiments}&{TRAINING}"
        found.append(Link(f"the latest {len(runs)} runs compared", compared))
    latest = Link(f"the latest run, {runs[0].name}", f"{experiment}/{runs[0].run_id}?{TRAINING}")
    return [*found, latest]


def how_to_look(store: Store, runs: Sequence[Shown], port: int) -> str:
    """The links as lines to print."""
    served = "" if store.artifacts is None else "  (while `make ui` runs)"
    lines = [f"MLflow: {address_of(store, port)}{served}"]
    for link in links(store, runs, port):
        lines += [f"  {link.what}", f"    {link.address}"]
    return "\n".join(lines)


def _best_first(run: Shown) -> str:
    """Sorted by a score, the runs of a sweep stand among the others, not hidden in their parent."""
    if run.judged_by is None:
        return ""
    key = quote(f"metrics.`dev/{run.judged_by}`", safe="")
    ascending = json.dumps(not METRICS[run.judged_by].higher_is_better)
    return f"&orderByKey={key}&orderByAsc={ascending}"


def _listed(ids: Sequence[str]) -> str:
    return quote(json.dumps(list(ids), separators=(",", ":")))
