"""A search for settings on dev: trials of a recipe, each a DVC experiment, drawn by Optuna.

The ranges stand in a file, by the names of params.yaml:

    train.learning_rate: {low: 0.0005, high: 0.005, log: true}
    model.layer_dropout: {low: 0.1, high: 0.5, step: 0.1}
    model.encoder_layers: [1, 2, 4]

A trial whose dev loss is worse than the median of those before it at the same step ends early. The
search is kept in .cache/tune/ and goes on where it was left.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.cli.experiment import checked_corpus, identity
from attn2seq.config import Settings, flat_params, plain, read_yaml
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS, judged_by
from attn2seq.runs.circumstances import git
from attn2seq.runs.experiment_results import result_rows
from attn2seq.whole import whole_file
from attn2seq.workspace.paths import CACHE, CATALOGUE, HISTORY, PARAMS, RECIPES
from attn2seq.workspace.quiet_dvc import dvc_command
from attn2seq.workspace.recipes import read_recipe
from attn2seq.workspace.stage import main_root

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

SEARCHES = CACHE / "tune"
FIRST_LINE = "# Written by attn2seq tune: "
# Trials that end before others are held to them; before, a median says little.
WHOLE_TRIALS = 5
POLL_S = 2.0
MOST_FAILED = 5  # trials in a row: then the fault is none of the settings


class Interval(Settings):
    """Numbers between two ends; whole ones where both ends are."""

    low: int | float
    high: int | float
    step: int | float | None = Field(default=None, gt=0)
    log: bool = False

    @model_validator(mode="after")
    def _sound(self) -> "Interval":
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0, and no step")
        return self


Range = Interval | list[bool | int | float | str]


def tune(recipe: str, ranges_file: Path, trials: int) -> list[str]:
    """Search until `trials` have ended, pruned ones among them; the lines to print last.

    Raises UserError.
    """
    root = main_root()
    ranges = read_ranges(ranges_file)
    target = RECIPES / f"{recipe}-tuned.yaml"
    if target.exists() and not target.read_text(encoding="utf-8").startswith(FIRST_LINE):
        raise UserError(f"{target}, where the result goes, is another's: rename it")
    base = recipe_overrides(recipe)
    corpus = checked_corpus(base)
    metric = METRICS[judged_by(read_catalogue_entry(CATALOGUE, corpus).model_dump())]
    study = _open_study(recipe, ranges, metric.higher_is_better)
    failed = 0
    while (number := len(_ended(study))) < trials:
        trial = study.ask()
        drawn = {key: _draw(trial, key, span) for key, span in ranges.items()}
        point = [*base, *(f"{key}={_written(value)}" for key, value in drawn.items())]
        name = f"{study.study_name}-{trial.number}"
        said = ", ".join(f"{key}={value}" for key, value in drawn.items())
        print(f"trial {number + 1} of {trials}, experiment {name}: {said}", flush=True)
        outcome = _run(trial, name, point, root, metric.higher_is_better)
        _tell(study, trial, outcome)
        failed = failed + 1 if outcome is None else 0
        if failed == min(MOST_FAILED, trials):
            which = f"{failed} trials in a row" if failed > 1 else "the trial"
            raise UserError(
                f"{which} failed, see the messages above; the same command goes on with the next"
            )
    return _result(study, recipe, target, metric.heading, ranges_file)


def read_ranges(path: Path) -> dict[str, Range]:
    """Key of params.yaml -> what it may be. Raises UserError with all faults of the file."""
    values = read_yaml(path)
    known = flat_params(read_yaml(PARAMS))
    faults = [f"{plain(key)}: {PARAMS} has no such key" for key in values if key not in known]
    ranges: dict[str, Range] = {}
    for key, value in values.items():
        kind: Any = list[bool | int | float | str] if isinstance(value, list) else Interval
        try:
            ranges[key] = TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError as error:
            faults += [f"{plain(key)}: {fault['msg']}" for fault in error.errors()]
    if not values:
        faults.append("it names no key: write one line for each, such as train.seed: [1, 2]")
    if faults:
        raise UserError(f"{path}:\n  " + "\n  ".join(faults))
    return ranges


def recipe_overrides(recipe: str) -> list[str]:
    """What makes params.yaml the recipe, as `dvc exp run -S` takes it."""
    wanted, there = flat_params(read_recipe(recipe, RECIPES)), flat_params(read_yaml(PARAMS))
    return [f"{key}={_written(text)}" for key, text in wanted.items() if there.get(key) != text]


def _written(value: Any) -> str:
    """As an override has it; a text that is empty has to be seen."""
    return (value if isinstance(value, str) else json.dumps(value)) or '""'


def _draw(trial: "Trial", key: str, span: Range) -> Any:
    if isinstance(span, list):
        return trial.suggest_categorical(key, span)
    if isinstance(span.low, int) and isinstance(span.high, int):
        return trial.suggest_int(key, span.low, span.high, step=int(span.step or 1), log=span.log)
    return _short(trial.suggest_float(key, span.low, span.high, step=span.step, log=span.log))


def _short(value: Any) -> Any:
    """0.3, where steps of 0.1 end at 0.30000000000000004."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _open_study(recipe: str, ranges: Mapping[str, Range], maximise: bool) -> "Study":
    """The search of that recipe, begun or gone on with; what was interrupted is queued again."""
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            f"Optuna is not installed ({error}): pip install 'attn2seq[pipeline]'"
        ) from None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    SEARCHES.mkdir(parents=True, exist_ok=True)
    path = SEARCHES / f"{recipe}.journal"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=f"tune-{recipe}",
        direction="maximize" if maximise else "minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WHOLE_TRIALS),
    )
    # Another draw for each trial, the same whenever the search is made again.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    wanted = {
        key: span if isinstance(span, list) else span.model_dump() for key, span in ranges.items()
    }
    if study.user_attrs.setdefault("ranges", wanted) != wanted:
        raise UserError(
            f"{path} is a search over other ranges: remove it to search anew, or give it these: "
            f"{json.dumps(study.user_attrs['ranges'])}"
        )
    study.set_user_attr("ranges", wanted)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def _ended(study: "Study") -> "list[FrozenTrial]":
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


def _tell(study: "Study", trial: "Trial", outcome: float | str | None) -> None:
    """A score, `pruned`, or None for a failure."""
    from optuna.trial import TrialState

    if isinstance(outcome, float):
        study.tell(trial, outcome)
    else:
        study.tell(trial, state=TrialState.PRUNED if outcome else TrialState.FAIL)


def _run(
    trial: "Trial", name: str, point: Sequence[str], root: Path, maximise: bool
) -> float | str | None:
    """The dev score of the experiment; `pruned` where it was ended early; None where it failed."""
    try:
        corpus = checked_corpus(list(point))
    except UserError as error:
        print(error, file=sys.stderr)
        return None
    # In a group of its own, since DVC waits for its stages, and they alone know how to stop.
    with subprocess.Popen(
        _command(name, point), env=os.environ | identity(), start_new_session=True
    ) as process:
        try:
            for step, loss in _dev_losses(process, point, root):
                trial.report(-loss if maximise else loss, step)
                if trial.should_prune():
                    print(f"{name}: dev loss {loss:.3f} at step {step} is above the median; ended")
                    os.killpg(process.pid, signal.SIGINT)
                    process.wait()
                    return "pruned"
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)
            process.wait()
            raise
    if process.returncode:
        return None
    return result_rows(root, [name], [corpus])[0].dev


def _command(name: str, point: Sequence[str]) -> list[str]:
    settings = [part for override in point for part in ("-S", override)]
    return dvc_command("exp", "run", "--temp", "--name", name, *settings)


def _dev_losses(
    process: "subprocess.Popen[bytes]", point: Sequence[str], root: Path
) -> Iterator[tuple[int, float]]:
    """Each look at dev of the experiment's training, as it is written in its copy.

    Until training begins, the copy has the curve that its commit has.
    """
    committed = git(root, "show", f"HEAD:{HISTORY}")
    wanted = {key: value.strip('"') for key, _, value in (each.partition("=") for each in point)}
    begun, seen = time.time(), 0
    while process.poll() is None:
        time.sleep(POLL_S)
        for path in (root / ".dvc/tmp/exps").glob(f"*/*/{HISTORY}"):
            folder = path.parents[len(HISTORY.parts) - 1]
            if path.stat().st_mtime < begun or not _holds(folder / PARAMS, wanted):
                continue
            curve = path.read_bytes()
            if curve == committed or not curve:
                continue
            looks = pd.read_csv(io.BytesIO(curve), on_bad_lines="skip").dropna(subset=["dev_loss"])
            for step, loss in looks[["step", "dev_loss"]].itertuples(index=False):
                if step > seen:
                    seen = int(step)
                    yield seen, float(loss)


def _holds(params: Path, wanted: Mapping[str, str]) -> bool:
    try:
        found = flat_params(read_yaml(params))
    except (UserError, OSError):  # the copy is just being made, or removed
        return False
    return all(found.get(key) == value for key, value in wanted.items())


def _result(study: "Study", recipe: str, target: Path, metric: str, ranges_file: Path) -> list[str]:
    """Write the recipe with the best trial's settings; what to print."""
    trials = _ended(study)
    whole = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not whole:
        raise UserError("no trial came to a score, see the messages above")
    best = study.best_trial
    yaml = YAML()
    values = yaml.load((RECIPES / f"{recipe}.yaml").read_text(encoding="utf-8"))
    for key, value in best.params.items():
        section, _, name = key.partition(".")
        values.setdefault(section, {})[name] = _short(value)
    with whole_file(target) as beside, beside.open("w", encoding="utf-8") as file:
        file.write(
            f"{FIRST_LINE}the best of {len(trials)} trials over\n# {ranges_file}, with dev "
            f"{metric} {best.value:.2f}.\n"
        )
        yaml.dump(values, file)
    lines = [f"{'trial':>6}{'dev ' + metric:>22}  settings"]
    best_first = study.direction.name == "MAXIMIZE"
    for trial in sorted(whole, key=lambda each: each.value or 0.0, reverse=best_first):
        said = ", ".join(f"{key}={_short(value)}" for key, value in trial.params.items())
        lines.append(f"{trial.number:>6}{trial.value:>22.2f}  {said}")
    ended_early = len(trials) - len(whole)
    return [
        *lines,
        *([f"{ended_early} more ended early"] if ended_early else []),
        f"{target} holds the best: attn2seq recipe {target.stem}",
    ]
