"""Addresses inside the MLflow UI, which by itself opens elsewhere than at the charts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from attn2seq.runs.record import Shown, Store
from attn2seq.runs.runs_view import KEY

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
    # MLflow takes a view whole: with an order beside it, it would take none.
    view = f"{TRAINING}&viewStateShareKey={KEY}" if runs[0].judged_by else TRAINING
    found = [
        Link("charts of all runs", f"{experiment}?compareRunsMode=CHART&{view}"),
        Link("all runs, the best first", f"{experiment}?{view}"),
    ]
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


def _listed(ids: Sequence[str]) -> str:
    return quote(json.dumps(list(ids), separators=(",", ":")))
