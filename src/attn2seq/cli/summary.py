"""What `make repro` ends with: scores, times, where each result lies, how to look at it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS, in_order, judged_by
from attn2seq.runs.caches import caches_hint
from attn2seq.workspace.fingerprint import outs_of_lock
from attn2seq.workspace.paths import (
    CHECKED,
    DECODED,
    DVC_LOCK,
    EVALUATED,
    MODEL,
    PREPARED,
    RAW,
    REPORT,
    SCORES,
    TOKENIZED,
    TRAINED,
)
from attn2seq.workspace.stage import main_root
from attn2seq.workspace.timings import seconds_of

STAGES = {
    "check": CHECKED,
    "download": RAW,
    "prepare": PREPARED,
    "tokenize": TOKENIZED,
    "train": TRAINED,
    "decode": DECODED,
    "evaluate": EVALUATED,
    "package": MODEL,
    "report": REPORT,
}


def scores_table(metrics: dict[str, dict[str, Any]], judge: str | None) -> list[str]:
    """A line per metric, a column per split; what judges comes first."""
    splits = list(metrics)
    lines = [f"{'':22}" + "".join(f"{split:>12}" for split in splits)]
    scored = metrics[splits[-1]]
    for name in in_order(scored, judge):
        metric = METRICS[name]
        cells = "".join(f"{metric.written(metrics[split][name]):>12}" for split in splits)
        lines.append(f"{metric.heading:22}{cells}")
    return lines


def times_table(root: Path, lock: Mapping[str, Any]) -> list[str]:
    """A line a stage: how long it took to make the result that a parsed dvc.lock records, and where
    that is. `root` is the main repository.
    """
    lines = [f"{'stage':12}{'took':>10}   result"]
    for stage, result in STAGES.items():
        seconds = seconds_of(root, stage, outs_of_lock(lock, stage))
        time = "from cache" if seconds is None else f"{seconds:.1f} s"
        lines.append(f"{stage:12}{time:>10}   {result}")
    return lines


def _read_scores(path: Path) -> dict[str, dict[str, Any]]:
    """By split. Raises UserError where the file is not what evaluate writes."""
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        metrics = None
    if not isinstance(metrics, dict) or not all(
        isinstance(each, dict) for each in metrics.values()
    ):
        raise UserError(
            f"{path} is damaged: it does not hold the scores of each split. `make repro` makes it "
            "again"
        )
    return metrics


def _judge(facts: Path) -> str | None:
    """The score that the corpus judges by; None where its facts are not there.

    Raises UserError where they cannot be read.
    """
    try:
        return judged_by(json.loads(facts.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{facts} is damaged: `dvc checkout --force {PREPARED}` brings it back"
        ) from None


def summary_lines() -> list[str]:
    """The lines to print. Raises UserError where there are no results yet."""
    root = main_root()
    if not SCORES.is_file():
        raise UserError(f"no results yet: {SCORES} is missing. `make repro` makes them")
    metrics = _read_scores(SCORES)
    judge = _judge(PREPARED / "corpus.json")
    lock = read_yaml(DVC_LOCK) if DVC_LOCK.is_file() else {"stages": {}}
    lines = [*scores_table(metrics, judge), "", *times_table(root, lock), ""]
    report = REPORT.resolve().as_uri()
    lines += [f"report:  {report}", "runs:    make ui"]
    if hint := caches_hint(root):
        lines.append(hint)
    return lines
