"""Collects from files what a run consists of, for attn2seq.runs.mlflow_store to show in MLflow.

The files lie in a folder that is laid out like the workspace: the workspace itself, or one put
together from a commit and DVC's cache (attn2seq.runs.restore). What is not there is left out.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn2seq.model.config_file import CONFIG
from attn2seq.runs.files import CORPUS, artifacts_of
from attn2seq.runs.judging import judged_by
from attn2seq.runs.record import JUDGED_TAG, DataSet, Group, ModelFiles, Point, RunRecord
from attn2seq.workspace.fingerprint import Inputs, md5_of, run_fingerprint

SCORES = "results/evaluate/metrics.json"
WEIGHTS = "models/trained/model.safetensors"
MODEL = "models/model"
SPLITS = ("train", "dev", "test")
# Sections that no result of a run follows from.
APART = ("report", "track")
# A score of the decoded texts has the plain name; what training measures on the way, token by
# token with the reference as its past, has a name of its own.
CURVE_NAMES = {"dev_perplexity": "dev/token_perplexity", "dev_accuracy": "dev/token_accuracy"}

NOTE = """\
**What to look at**

- *Chart view*, the second of the three buttons above the runs: curves and scores of all runs.
  Scores of the decoded texts are `dev/...` and `test/...`; choose by dev, report test.
- *Compare*: tick runs, press the button, and turn on *Show diff only* for what differs and what
  came of it.
- *Sort* by a score to see the best first. Sorted by *Created*, a sweep is one line, and the +
  before it shows its runs.
- A run's *Artifacts*: `report/index.html` is the whole report, `decode/test/attention_0.png` and
  its neighbours are attention maps, `decode/test/nbest_head.jsonl` holds translations.
- *Models*: `make register` gives the best model by dev score the alias `champion`.

A run's name is what differs from the first run here, or the name of its DVC experiment.
"""


@dataclass(frozen=True)
class Circumstances:
    """How a run came about, as far as it is known; no result follows from it."""

    git_commit: str | None = None
    git_dirty: bool = False
    dvc_exp_name: str | None = None
    dvc_lock: str | None = None  # digest of dvc.lock, known only when the pipeline has ended
    package: Path | None = None  # the library's code that goes with the model; None: no model
    sweep: str | None = None  # the sweep that the experiment belongs to


def started_record(snapshot: Mapping[str, Any], about: Circumstances) -> RunRecord:
    """The record of a run whose training has just begun, from the snapshot of its inputs."""
    params = {name: values for name, values in snapshot["params"].items() if name not in APART}
    return RunRecord(
        fingerprint=snapshot["run_fingerprint"],
        group=_group(params, about),
        name=about.dvc_exp_name,
        summary=_summary(params),
        params=flat_params(params),
        tags=_tags(params, about) | _training_tags(snapshot),
    )


def collected_record(
    folder: Path,
    inputs: Inputs,
    about: Circumstances,
    cache: Path,
    leave_out: frozenset[str] = frozenset(),
) -> RunRecord:
    """The record of a run whose files lie in `folder`.

    `cache` is the main repository's `.cache`, which knows times and devices; `leave_out` names
    what in `folder` is not this run's: files, and the model folder.
    """
    fingerprint = run_fingerprint(inputs)
    training = read_training(folder, cache)
    tags = _tags(inputs.params, about) | _score_tag(folder)
    points = [*_curves(folder, cache, training), *_scores(folder), *_times(cache, fingerprint)]
    return RunRecord(
        fingerprint=fingerprint,
        group=_group(inputs.params, about),
        name=about.dvc_exp_name,
        summary=_summary(inputs.params),
        params=flat_params(inputs.params),
        tags=tags if training is None else tags | _training_tags(training),
        points=points,
        data_sets=_data_sets(folder, inputs.params["download"]["corpus"]),
        artifacts=artifacts_of(folder, leave_out),
        model=None if MODEL in leave_out else _model(folder, about, fingerprint),
        finished=(folder / SCORES).exists(),
    )


def read_training(folder: Path, cache: Path) -> dict[str, Any] | None:
    """Fingerprint and machine of the training that made the folder's model, whichever run it was
    for; None where it is not known here.
    """
    weights = folder / WEIGHTS
    path = cache / "trainings" / f"{md5_of(weights)}.json" if weights.exists() else None
    if path is None or not path.exists():
        return None
    training: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return training


def flat_params(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested params under dotted names, written as in params.yaml.

    `{"train": {"seed": 1, "schedule": {"warmup": 4000}}}` gives
    `{"train.seed": "1", "train.schedule.warmup": "4000"}`.
    """
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flat_params(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[f"{prefix}{key}"] = text
    return flat


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
    """Target tokens a second, from the training's own file of times."""
    # A resumed training measures the steps since its checkpoint anew: the last one counts.
    rates = {int(row["step"]): float(row["tokens_per_second"]) for row in _whole_rows(speed)}
    return [Point("train/tokens_per_second", step, rate) for step, rate in rates.items()]


def _whole_rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        text = path.read_text(encoding="utf-8")
        yield from csv.DictReader(text[: text.rfind("\n") + 1].splitlines())


def _curves(folder: Path, cache: Path, training: Mapping[str, Any] | None) -> list[Point]:
    points = curve_points(folder / "results/train/history.csv")
    if training is not None:
        name = f"train-{training['train_fingerprint']}.csv"
        points += speed_points(cache / "timings" / name)
    return points


def _scores(folder: Path) -> list[Point]:
    """The final scores, and what training says of the checkpoint that was kept."""
    points = []
    evaluate = folder / SCORES
    if evaluate.exists():
        for split, scores in json.loads(evaluate.read_text(encoding="utf-8")).items():
            points += [_score(f"{split}/{name}", value) for name, value in scores.items()]
    train = folder / "results/train/metrics.json"
    if train.exists():
        for name, value in json.loads(train.read_text(encoding="utf-8")).items():
            side, _, rest = name.partition("_")
            measured = side in SPLITS and rest  # a loss, say, and not a number of steps
            points.append(_score(f"{side}/best_{rest}" if measured else f"train/{name}", value))
    return points


def _score(key: str, value: float | None) -> Point:
    return Point(key, 0, math.nan if value is None else float(value))


def _times(cache: Path, fingerprint: str) -> list[Point]:
    """How long each stage took that ran for this very run, and was not taken from DVC's cache."""
    points = []
    for path in sorted((cache / "timings").glob("*.json")):
        timing = json.loads(path.read_text(encoding="utf-8"))
        if timing.get("run_fingerprint") == fingerprint:
            points.append(_score(f"time/{path.stem}_seconds", timing["seconds"]))
    return points


def _data_sets(folder: Path, corpus: str) -> list[DataSet]:
    from pyarrow import parquet

    data_sets = []
    for split in SPLITS:
        path = f"data/prepared/{split}.parquet"
        if (folder / path).exists():
            metadata = parquet.read_metadata(folder / path)
            data_sets.append(
                DataSet(
                    name=f"{corpus}/{split}",
                    digest=md5_of(folder / path)[:16],
                    source=path,
                    rows=metadata.num_rows,
                    columns=tuple(metadata.schema.to_arrow_schema().names),
                    context=split,
                )
            )
    return data_sets


def _model(folder: Path, about: Circumstances, fingerprint: str) -> ModelFiles | None:
    if about.package is None or not (folder / MODEL / CONFIG).exists():
        return None
    origin = {"run fingerprint": fingerprint}
    if about.git_commit is not None:
        edited = " and uncommitted changes" if about.git_dirty else ""
        origin["commit"] = f"{about.git_commit}{edited}"
    return ModelFiles(folder / MODEL, about.package, origin)


def _tags(params: Mapping[str, Any], about: Circumstances) -> dict[str, str]:
    tags = {
        "corpus": str(params["download"]["corpus"]),
        "mlflow.source.name": "dvc.yaml",
        "mlflow.source.type": "LOCAL",
    }
    if about.git_commit is not None:
        tags["mlflow.source.git.commit"] = about.git_commit
        tags["git_dirty"] = json.dumps(about.git_dirty)
    if about.dvc_exp_name is not None:
        tags["dvc_exp_name"] = about.dvc_exp_name
    if about.dvc_lock is not None:
        tags["dvc_lock"] = about.dvc_lock
    return tags


def _training_tags(training: Mapping[str, Any]) -> dict[str, str]:
    machine = {f"machine.{key}": str(value) for key, value in training.get("machine", {}).items()}
    return {"train_fingerprint": training["train_fingerprint"]} | machine


def _score_tag(folder: Path) -> dict[str, str]:
    """The score that runs of this corpus are judged by: `make register` looks for the best."""
    facts = folder / CORPUS
    if not facts.exists():
        return {}
    return {JUDGED_TAG: judged_by(json.loads(facts.read_text(encoding="utf-8")))}


def _group(params: Mapping[str, Any], about: Circumstances) -> Group:
    return Group(params["download"]["corpus"], NOTE, about.sweep)


def _summary(params: Mapping[str, Any]) -> str:
    model = params["model"]
    return f"{model['cell']} with attention {model['attention']}"
