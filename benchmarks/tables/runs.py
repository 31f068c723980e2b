"""A run of the pipeline for a table: in a folder of its own, once, and from where it was stopped.

Each run has a copy of the working tree in `.cache/tables/<name>/`, in which the real stages run.
A run that is finished under the same code and params is read back; one that was interrupted goes on
from its checkpoint. Two runs go side by side with one thread each: 1.45 times as much as one run of
two threads.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from attn2seq.cli.results import RecordedRun, States, Value
from attn2seq.runs.circumstances import processor
from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.fingerprint import RUN_STAGES, digest, stage_inputs
from attn2seq.workspace.recipes import apply_recipe
from benchmarks.machine import ROOT, commit

PLACES = ROOT / ".cache" / "tables"
COPIED = ("data/catalogue", "data/local", "data/ensemble", "pipeline", "src", "dvc.yaml")
BEFORE = ("code_digests", "check")  # scripts that run before the stages whose results count
STAGES = (*BEFORE, "download", "prepare", "tokenize_corpus", "train", "decode", "evaluate")
KEPT = ("done.json", "params.yaml", "results")
AT_ONCE = 2
ONE_THREAD = {"train": {"threads": 1}, "decode": {"threads": 1}}

Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Run:
    """One row, or one seed of a row: a recipe and what differs from it."""

    name: str  # of its folder
    recipe: str
    changes: Changes
    metric: str = "bleu"  # that the corpus is judged by
    weights_of: tuple["Run", ...] = ()  # decoded with in place of its own; several: an ensemble
    local: tuple[Path, ...] = ()  # files for data/local, whose names tell their contents


@dataclass(frozen=True)
class Result:
    """What a finished run has to show."""

    key: str  # digest of the params and the code that it ran
    dev: float  # the score that the corpus is judged by: BLEU, percentages on the 0-100 scale
    test: float
    tokens_per_second: float  # target tokens in training, the median over the curve's points
    parameters: int
    steps: int
    minutes: float  # of training
    signature: str  # how the scores were computed
    hardware: str
    commit: str  # and the code's digest, when the run was begun or last gone on with
    code: str


def finish(runs: Iterable[Run]) -> None:
    """Make the runs that are not made yet, `AT_ONCE` at a time. Each has its log in its folder."""
    runs = list({run.name: run for run in runs}.values())
    taking = [run for run in runs if run.weights_of and not _known(run)]
    weights = {one.name: one for run in taking for one in run.weights_of}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(trained, weights.values()))
        list(pool.map(finished, runs))


def finished(run: Run) -> Result:
    """The run's result, made now if it is not there yet."""
    if known := _known(run):
        return known
    place, params = PLACES / run.name, params_of(run)
    key = _key(params)
    made_by = (commit(), States(ROOT).digest(params["download"]["corpus"]))
    _start(run, place, params, key)
    if run.weights_of:
        _copy_weights(run, place)
    run_stages(place, (*BEFORE, *STAGES[-2:]) if run.weights_of else STAGES)
    result = _read_result(place, key, run.metric, made_by)
    beside = place / "done.json.part"
    beside.write_text(json.dumps(asdict(result)), encoding="utf-8")
    beside.replace(place / "done.json")
    _keep_results(place)
    print(f"{run.name}: dev {result.dev:.2f}, test {result.test:.2f}", flush=True)
    return result


def _known(run: Run) -> Result | None:
    """What the run came to under these params and this code, if it has been made."""
    done = PLACES / run.name / "done.json"
    if not done.exists():
        return None
    values = json.loads(done.read_text(encoding="utf-8"))
    return Result(**values) if values["key"] == _key(params_of(run)) else None


def _key(params: dict[str, Any], stages: Sequence[str] = RUN_STAGES) -> str:
    """Changes with these params, and with the code and data of these stages."""
    return digest({stage: stage_inputs(ROOT, stage, params) for stage in stages})


def _copy_weights(run: Run, place: Path) -> None:
    """All that training left in the first one's folder, and the models of the others."""
    first, *others = (trained(each) for each in run.weights_of)
    caches = (".cache/timings", ".cache/trainings")
    for part in ("data/prepared", "data/tokenized", "models", "results", *caches):
        shutil.copytree(first / part, place / part, dirs_exist_ok=True)
    for other in others:
        copy = place / "data" / "ensemble" / other.name
        shutil.copytree(other / "models" / "trained", copy, dirs_exist_ok=True)


def merged(*parts: Changes) -> dict[str, dict[str, Any]]:
    """Changes to params, the later ones over the earlier."""
    values: dict[str, dict[str, Any]] = {}
    for part in parts:
        for section, changes in part.items():
            values[section] = values.get(section, {}) | dict(changes)
    return values


def params_of(run: Run) -> dict[str, Any]:
    """All params: the recipe's, and the changes. Raises UserError where they cannot work."""
    check = partial(check_params, catalogue=ROOT / "data" / "catalogue")
    with TemporaryDirectory() as folder:
        scratch = Path(folder) / "params.yaml"
        shutil.copyfile(ROOT / "params.yaml", scratch)
        apply_recipe(run.recipe, ROOT / "recipes", scratch, check)
        params: dict[str, Any] = YAML(typ="safe").load(scratch)
    for section, values in {**run.changes, "track": {"enabled": False}}.items():
        params[section] |= values
    check(params)
    return params


def sentences(run: Run, split: str) -> pd.DataFrame:
    """The sentences of a finished run: columns hypothesis, reference and others."""
    every = pd.read_parquet(PLACES / run.name / "results" / "evaluate" / "sentences.parquet")
    return every[every["split"] == split]


def prepared(run: Run) -> Path:
    """A folder in which the stages up to prepare have run."""
    return _run_up_to(run, "prepare", Path("data/prepared"))


def tokenized(run: Run) -> Path:
    """A folder in which the stages up to tokenize have run, for a benchmark to train in."""
    return _run_up_to(run, "tokenize", Path("data/tokenized"))


def trained(run: Run) -> Path:
    """A folder in which the stages up to train have run, for a benchmark to decode with."""
    return _run_up_to(run, "train", Path("models/trained"))


def _run_up_to(run: Run, last: str, output: Path) -> Path:
    place, params = PLACES / run.name, params_of(run)
    count = RUN_STAGES.index(last) + 1
    fresh = _start(run, place, params, _key(params, RUN_STAGES[:count]))
    if fresh or not (place / output).exists():
        run_stages(place, STAGES[: len(BEFORE) + count])
    return place


def _start(run: Run, place: Path, params: dict[str, Any], key: str) -> bool:
    """A fresh copy of the tree, unless the place was begun under the same key."""
    begun = place / "key"
    fresh = not begun.exists() or begun.read_text(encoding="utf-8") != key
    if fresh:
        shutil.rmtree(place, ignore_errors=True)
        _copy_tree(place)
        for file in run.local:
            shutil.copy(file, place / "data" / "local")
    # In a place that was begun, too: its key may leave out stages whose params a benchmark reads.
    YAML().dump(params, place / "params.yaml")
    begun.write_text(key, encoding="utf-8")
    return fresh


def _copy_tree(place: Path) -> None:
    for part in COPIED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        if (ROOT / part).exists():
            (place / part).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / part, place / part)


def run_stages(place: Path, stages: Sequence[str]) -> None:
    """Scripts of pipeline/ in that folder, with caches of its own."""
    environment = environment_of(place)
    for stage in stages:
        command = [sys.executable, "-m", f"pipeline.{stage}"]
        with (place / "log.txt").open("ab") as log:
            ended = subprocess.run(command, cwd=place, env=environment, stdout=log, stderr=log)
        if ended.returncode:
            raise SystemExit(f"{place.name}: {stage} failed; see {place / 'log.txt'}")


def environment_of(place: Path) -> dict[str, str]:
    """That of a stage in that folder: its own code comes first."""
    paths = ["src", *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "DVC_ROOT": str(place)}
    if mirror := os.environ.get("CORPUS_MIRROR"):
        environment["CORPUS_MIRROR"] = str((ROOT / mirror).resolve())
    return environment


def _read_result(place: Path, key: str, metric: str, made_by: tuple[str, str]) -> Result:
    def read(path: str) -> Any:
        return json.loads((place / path).read_text(encoding="utf-8"))

    scores, training = read("results/evaluate/metrics.json"), read("results/train/metrics.json")
    rates = [
        rate
        for path in (place / ".cache" / "timings").glob("train-*.csv")
        for rate in pd.read_csv(path)["tokens_per_second"]
    ]
    (noted,) = (place / ".cache" / "trainings").glob("*.json")
    trained_on = json.loads(noted.read_text(encoding="utf-8"))
    return Result(
        key,
        scores["dev"][metric],
        scores["test"][metric],
        statistics.median(rates),
        training["parameters"],
        training["steps"],
        round(trained_on["seconds"] / 60, 1),
        read("results/evaluate/signatures.json")["test"][metric]["signature"],
        hardware(trained_on["machine"]),
        *made_by,
    )


def hardware(machine: Mapping[str, str]) -> str:
    """In a line, from what a training notes of its machine."""
    number_type = machine["number_type"].removeprefix("torch.")
    return f"{processor()}; {machine['device']}; {number_type}; torch {machine['torch']}"


def recorded(
    name: str, runs: Sequence[Run], results: Mapping[str, Value], beside: Run | None = None
) -> RecordedRun:
    """The record of a table's row, which came of runs that differ in their seeds alone.

    `beside` is the run that the row sets itself beside. The machine and the commit are those of the
    first run: the code of all is the same.
    """
    run, result = runs[0], finished(runs[0])
    changes = merged(run.changes)
    seeds = [params_of(each)["train"]["seed"] for each in runs]
    if len(seeds) > 1:
        changes["train"].pop("seed", None)
    return RecordedRun(
        name=name,
        recipe=run.recipe,
        changes=changes,
        compared_with=merged(beside.changes) if beside else None,
        corpus=params_of(run)["download"]["corpus"],
        seeds=seeds,
        hardware=result.hardware,
        signatures={run.metric: result.signature},
        results={**results, "minutes": result.minutes},
        commit=result.commit,
        code=result.code,
    )


def _keep_results(place: Path) -> None:
    """A finished run needs neither its data nor its weights any more."""
    for path in place.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
