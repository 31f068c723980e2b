"""Collects from files what a run consists of, for attn2seq.runs.mlflow_store to show in MLflow.

The files lie in a folder that is laid out like the workspace: the workspace itself, or one put
together from a commit and DVC's cache (attn2seq.runs.restore). What is not there is left out.
"""

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from attn2seq.config import flat_params
from attn2seq.metrics import judged_by
from attn2seq.model.config_file import CONFIG
from attn2seq.runs.circumstances import Circumstances
from attn2seq.runs.names import NOTE
from attn2seq.runs.record import JUDGED_TAG, DataSet, Group, ModelFiles, Point, RunRecord
from attn2seq.workspace import paths
from attn2seq.workspace.fingerprint import (
    Inputs,
    Outs,
    inputs_fingerprint,
    md5_of,
    run_fingerprint,
)
from attn2seq.workspace.timings import seconds_of

SPLITS = ("train", "dev", "test")
# Sections that no result of a run follows from.
APART = ("report", "track")
# A score of the decoded texts has the plain name; what training measures on the way, token by
# token with the reference as its past, has a name of its own.
CURVE_NAMES = {"dev_perplexity": "dev/token_perplexity", "dev_accuracy": "dev/token_accuracy"}
# Files that MLflow shows as they are, under their paths less the folder of results.
INSIDE = f"{paths.RESULTS}/"
WHOLE = (
    paths.PARAMS,
    paths.DVC_LOCK,
    paths.PREPARE_METRICS,
    paths.HISTORY,
    paths.TRAIN_METRICS,
    paths.DECODED / "dev/hypotheses.txt",
    paths.DECODED / "test/hypotheses.txt",
    paths.SCORES,
    paths.EVALUATED / "signatures.json",
    paths.REPORT,
)
NBEST = paths.DECODED / "test/nbest.jsonl"
NBEST_LINES = 100


def started_record(snapshot: Mapping[str, Any], about: Circumstances) -> RunRecord:
    """The record of a run whose training has just begun, from the snapshot of its inputs."""
    params = {name: values for name, values in snapshot["params"].items() if name not in APART}
    return _begun(snapshot["inputs_fingerprint"], params, about, snapshot, own=True)


def collected_record(
    folder: Path,
    inputs: Inputs,
    outs: Mapping[str, Outs],
    about: Circumstances,
    root: Path,
    leave_out: frozenset[Path] = frozenset(),
) -> RunRecord:
    """The record of a run whose files lie in `folder`.

    `outs` are those of the stages that ran for it. `root` is the main repository, whose cache knows
    times and devices; `leave_out` names what in `folder` is not this run's: files, and the model
    folder.
    """
    fingerprint = run_fingerprint(inputs, outs)
    training = _training(folder, root)
    # What was trained or tried here is the user's own, and all else the repository's history.
    own = bool(training) or not about.restored or about.dvc_exp_name is not None
    begun = _begun(inputs_fingerprint(inputs), inputs.params, about, training, own)
    facts = folder / paths.CORPUS
    # `make register` looks for the best by this score.
    judged = {JUDGED_TAG: judged_by(_read(facts))} if facts.exists() else {}
    return replace(
        begun,
        fingerprint=fingerprint,
        tags={**begun.tags, **judged},
        points=[*_curves(folder, root), *_scores(folder), *_times(root, outs)],
        data_sets=_data_sets(folder, begun.tags["corpus"]),
        artifacts=_artifacts(folder, leave_out),
        model=None if paths.MODEL in leave_out else _model(folder, about, fingerprint),
        finished=(folder / paths.SCORES).exists(),
        ended_s=training.get("ended", about.committed_s),
        seconds=training.get("seconds"),
    )


def _begun(
    inputs: str,
    params: Mapping[str, Any],
    about: Circumstances,
    training: Mapping[str, Any],
    own: bool,
) -> RunRecord:
    """What is known of a run before it has any result."""
    corpus, model = str(params["download"]["corpus"]), params["model"]
    tags = {
        "corpus": corpus,
        "mlflow.source.name": str(paths.DVC_YAML),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": about.user,
        "mlflow.source.git.commit": about.git_commit,
        "git_dirty": json.dumps(about.git_dirty) if about.git_commit else None,
        "dvc_exp_name": about.dvc_exp_name,
        "dvc_lock": about.dvc_lock,
        "train_fingerprint": training.get("train_fingerprint"),
    }
    machine = {f"machine.{key}": str(value) for key, value in training.get("machine", {}).items()}
    return RunRecord(
        inputs=inputs,
        fingerprint=None,
        attempt=training.get("attempt"),
        group=Group(corpus if own else f"{corpus}, history", NOTE, about.sweep),
        name=about.dvc_exp_name,
        summary=f"{model['cell']} with attention {model['attention']}",
        params=flat_params(params),
        tags={key: value for key, value in tags.items() if value is not None} | machine,
    )


def _training(folder: Path, root: Path) -> dict[str, Any]:
    """Fingerprint and machine of the training that made the folder's model, whichever run it was
    for; empty where it is not known here.
    """
    note = _note(folder, root)
    if note is None or not note.exists():
        return {}
    try:
        found = _read(note)
    except ValueError:  # of a cache, so it may be gone
        return {}
    return found if isinstance(found, dict) else {}


def _note(folder: Path, root: Path) -> Path | None:
    """Where the training of the folder's model is noted, if anywhere; its speed lies beside."""
    weights = folder / paths.WEIGHTS
    return root / paths.TRAININGS / f"{md5_of(weights)}.json" if weights.exists() else None


def curve_points(history: Path) -> list[Point]:
    """The points of a history.csv, blank cells left out; the last line may be half written.

    A row `step=50, train_loss=4.2` gives `Point("train/loss", 50, 4.2)`.
    """
    points: dict[tuple[str, int], Point] = {}
    for row in _whole_rows(history):
        for column, text in row.items():
            side = column.partition("_")[0]
            if text and side in SPLITS:
                key = CURVE_NAMES.get(column, column.replace("_", "/", 1))
                step = int(row["step"])
                points[key, step] = Point(key, step, float(text))
    return list(points.values())


def speed_points(speed: Path) -> list[Point]:
    """Target tokens per second, from the training's own file of times."""
    # A resumed training measures the steps since its checkpoint anew: the last one counts.
    rates = {int(row["step"]): float(row["tokens_per_second"]) for row in _whole_rows(speed)}
    return [Point("train/tokens_per_second", step, rate) for step, rate in rates.items()]


def _whole_rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        text = path.read_text(encoding="utf-8")
        yield from csv.DictReader(text[: text.rfind("\n") + 1].splitlines())


def _curves(folder: Path, root: Path) -> list[Point]:
    points = curve_points(folder / paths.HISTORY)
    note = _note(folder, root)
    return points if note is None else points + speed_points(note.with_suffix(".csv"))


def _scores(folder: Path) -> list[Point]:
    """The final scores, and what training says of the checkpoint that was kept."""
    points = []
    if (folder / paths.SCORES).exists():
        for split, scores in _read(folder / paths.SCORES).items():
            points += [_score(f"{split}/{name}", value) for name, value in scores.items()]
    if (folder / paths.TRAIN_METRICS).exists():
        for name, value in _read(folder / paths.TRAIN_METRICS).items():
            side, _, rest = name.partition("_")
            measured = side in SPLITS and rest  # a loss, say, and not a number of steps
            points.append(_score(f"{side}/best_{rest}" if measured else f"train/{name}", value))
    return points


def _score(key: str, value: float | None) -> Point:
    return Point(key, 0, math.nan if value is None else float(value))


def _times(root: Path, outs: Mapping[str, Outs]) -> list[Point]:
    """How long each stage took to make this very result, as far as that is known here."""
    times = {stage: seconds_of(root, stage, made) for stage, made in outs.items()}
    return [
        _score(f"time/{stage}_seconds", seconds)
        for stage, seconds in times.items()
        if seconds is not None
    ]


def _artifacts(folder: Path, leave_out: frozenset[Path]) -> dict[str, Callable[[Path], object]]:
    """What the run's folder has of files to be shown, each with what writes it to a path."""
    artifacts: dict[str, Callable[[Path], object]] = {
        path.as_posix().removeprefix(INSIDE): partial(shutil.copyfile, folder / path)
        for path in WHOLE
        if path not in leave_out and (folder / path).exists()
    }
    if (folder / paths.CORPUS).exists():
        artifacts[paths.CORPUS.name] = partial(shutil.copyfile, folder / paths.CORPUS)
    if (folder / NBEST).exists():
        artifacts["decode/test/nbest_head.jsonl"] = partial(_copy_head, folder / NBEST)
    return artifacts


def _copy_head(source: Path, path: Path) -> None:
    with source.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as head:
        head.writelines(islice(lines, NBEST_LINES))


def _data_sets(folder: Path, corpus: str) -> list[DataSet]:
    from pyarrow import parquet

    data_sets = []
    for split in SPLITS:
        path = paths.PREPARED / f"{split}.parquet"
        if (folder / path).exists():
            metadata = parquet.read_metadata(folder / path)
            data_sets.append(
                DataSet(
                    name=f"{corpus}/{split}",
                    digest=md5_of(folder / path)[:16],
                    source=str(path),
                    rows=metadata.num_rows,
                    columns=tuple(metadata.schema.to_arrow_schema().names),
                    context=split,
                )
            )
    return data_sets


def _model(folder: Path, about: Circumstances, fingerprint: str) -> ModelFiles | None:
    if about.package is None or not (folder / paths.MODEL / CONFIG).exists():
        return None
    origin = {"run fingerprint": fingerprint}
    if about.git_commit is not None:
        edited = " and uncommitted changes" if about.git_dirty else ""
        origin["commit"] = f"{about.git_commit}{edited}"
    return ModelFiles(folder / paths.MODEL, about.package, origin)


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
