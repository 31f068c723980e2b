"""Makes the best model of the corpus, by dev score, the champion of MLflow's model registry."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from attn2seq.cli.model_card import model_card
from attn2seq.cli.workspace import corpus_name
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import JUDGED_TAG
from attn2seq.runs.registry import CARD, CHAMPION, Candidate, Registry
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root

HOW_FORCED = "`make register FORCE=1` makes it champion anyway"


@dataclass(frozen=True)
class Judged:
    """A run with the score that its corpus judges it by."""

    candidate: Candidate
    metric: str
    score: float  # on dev

    @property
    def is_useless(self) -> bool:
        """Whether a model that has learned nothing scores the same."""
        metric = METRICS[self.metric]
        return self.score <= 0 if metric.higher_is_better else self.score >= 100 and metric.of_100

    @property
    def dev_set(self) -> tuple[str, str]:
        """Name and digest: scores on others do not compare."""
        return self.candidate.data_sets["dev"]

    def beats(self, other: "Judged") -> bool:
        """Whether it is strictly better."""
        return METRICS[self.metric].better(self.score, other.score)

    def ties(self, other: "Judged") -> bool:
        """Whether neither is better, by the same score on the same texts."""
        return (self.dev_set, self.metric, self.score) == (
            other.dev_set, other.metric, other.score
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.candidate.name} (dev/{self.metric} {self.score:.2f})"


def register_best(wanted: str | None, force: bool) -> str:
    """`register` for the corpus of params.yaml, in the workspace's MLflow."""
    return register(_registry(), corpus_name(), wanted, force)


def restore_champions() -> list[str]:
    """Crown again what was champion before the database was lost, as far as it is back; a line for
    each. Raises UserError.
    """
    registry = _registry()
    lines = []
    for corpus, name, run in registry.lost_champions():
        judged = _judged([] if run is None else [run])
        if judged:
            crowned = registry.crown(corpus, judged[0].candidate, _card(registry, judged[0]))
            told = f"{judged[0]} is again the champion, version {crowned.version}"
        else:
            told = (
                f"lost: the champion was {name}, whose model is gone. `make register` chooses one"
            )
        lines.append(f"models:/{corpus}@{CHAMPION}: {told}")
    return lines


def _registry() -> Registry:
    root = main_root()
    store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
    return Registry(Runs(store, COMPLETE_TIMEOUT_S), root)


def register(registry: Registry, corpus: str, wanted: str | None, force: bool) -> str:
    """Crown the wanted run, or else the best one; what was done, in words. Raises UserError."""
    runs = _judged(registry.candidates(corpus))
    if not runs:
        raise UserError(
            f"no finished run of {corpus} with a model and scores is in MLflow: `make repro`, or "
            "`make track` for one that is finished"
        )
    champion = registry.champion(corpus)
    held = None
    if champion is not None:
        run = registry.run(champion.run_id)
        held = next(iter(_judged([] if run is None else [run])), None)
    chosen = _best(runs, held) if wanted is None else _wanted(runs, wanted)
    if champion is not None and chosen.candidate.run_id == champion.run_id:
        return f"{chosen} is the champion already: models:/{corpus}@{CHAMPION}"
    if chosen.is_useless and not force:
        raise UserError(
            f"{chosen} is no better than a model that has learned nothing, so it does not become "
            f"the champion. {HOW_FORCED}"
        )
    if champion is not None and not force:
        _refuse_worse(chosen, held)
    ties = [run for run in runs if run != chosen and run.ties(chosen)]
    crowned = registry.crown(corpus, chosen.candidate, _card(registry, chosen))
    return (
        f"{chosen} is the champion\n"
        f"its address: models:/{corpus}@{CHAMPION}, version {crowned.version}\n"
        f"its card: {CARD}, in the run's artifacts and the version's description\n"
        "`make serve` serves it on this machine"
        + "".join(f"\na tie: {run} is as good; RUN=name chooses" for run in ties)
    )


def _judged(candidates: Sequence[Candidate]) -> list[Judged]:
    """Those with a score, in their order."""
    found = []
    for candidate in candidates:
        metric = candidate.tags.get(JUDGED_TAG)
        score = candidate.metrics.get(f"dev/{metric}", math.nan)
        if metric is not None and not math.isnan(score) and "dev" in candidate.data_sets:
            found.append(Judged(candidate, metric, score))
    return found


def _best(runs: Sequence[Judged], held: Judged | None) -> Judged:
    """The best of those that were scored on the champion's dev set, or on the latest run's."""
    comparable = [run for run in runs if run.dev_set == (held or runs[0]).dev_set]
    best = held or comparable[0]
    for run in comparable:
        if run.beats(best):
            best = run
    return best


def _wanted(runs: Sequence[Judged], wanted: str) -> Judged:
    by_name = [run for run in runs if run.candidate.name == wanted]
    found = by_name or [run for run in runs if run.candidate.run_id.startswith(wanted)]
    if len(found) != 1:
        names = ", ".join(repr(run.candidate.name) for run in runs)
        what = "several runs are" if found else "no run with a model is"
        raise UserError(f"{what} called {wanted!r}, by name or the start of an id (known: {names})")
    return found[0]


def _refuse_worse(chosen: Judged, held: Judged | None) -> None:
    remedy = f". {HOW_FORCED}"
    if held is None:
        raise UserError(f"the champion's run is gone, so {chosen} cannot be compared{remedy}")
    if chosen.dev_set != held.dev_set or chosen.metric != held.metric:
        raise UserError(
            f"{chosen} was scored on other dev data than the champion {held}, so the two cannot "
            f"be compared{remedy}"
        )
    if not chosen.beats(held):
        raise UserError(f"{chosen} is no better than the champion {held}{remedy}")


def _card(registry: Registry, chosen: Judged) -> str:
    texts = [
        registry.read_artifact(chosen.candidate.run_id, path)
        for path in ("corpus.json", "evaluate/signatures.json")
    ]
    if None in texts:
        raise UserError(
            f"{chosen} lacks the artifacts needed for its card: `make track ALL=1` adds "
            "what a run lacks"
        )
    facts, signatures = (json.loads(str(text)) for text in texts)
    return model_card(chosen.candidate, facts, signatures, chosen.metric)
