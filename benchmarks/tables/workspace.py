"""The run that stands in the workspace, as a row of the table of corpora."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.cli.results import RecordedRun, States
from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.metrics import METRICS, judged_by
from attn2seq.workspace.fingerprint import md5_of
from attn2seq.workspace.paths import RECIPES
from attn2seq.workspace.recipes import known_recipes
from benchmarks.machine import ROOT, commit
from benchmarks.tables.runs import Run, hardware, params_of

CORPORA = "corpora"
NO_RESULT = ("report", "track")  # sections that no score follows from


def workspace_row(root: Path) -> RecordedRun:
    """The row of the run whose results lie under `root`.

    Raises UserError where they are out of date, or were not trained on this machine.
    """
    refuse_outdated(root)
    params = read_yaml(root / "params.yaml")
    corpus = params["download"]["corpus"]
    entry = read_catalogue_entry(root / "data" / "catalogue", corpus)
    metric = judged_by(entry.model_dump())
    cut = f", {entry.bleu_tokenizer}" if metric == "bleu" and entry.bleu_tokenizer != "13a" else ""
    scores, signatures = _read(root, "evaluate/metrics"), _read(root, "evaluate/signatures")["test"]
    training = _read(root, "train/metrics")
    minutes, machine = trained_on(root)
    recipe, changes = nearest_recipe(corpus, params)
    return RecordedRun(
        name=recipe,
        recipe=recipe,
        changes=changes,
        corpus=corpus,
        seeds=[params["train"]["seed"]],
        hardware=hardware(machine),
        signatures={name: signatures[name]["signature"] for name in (metric, "chrf")},
        results={
            "training pairs": _read(root, "prepare/metrics")["train"]["kept"],
            "parameters": training["parameters"],
            "steps": training["steps"],
            "minutes": minutes,
            "score": METRICS[metric].heading + cut,
            "dev": scores["dev"][metric],
            "test": scores["test"][metric],
            "95% interval of test": [signatures[metric][end] for end in ("low", "high")],
            "chrF": scores["test"]["chrf"],
        },
        commit=commit(),
        code=States(root).digest(corpus),
    )


def nearest_recipe(corpus: str, params: dict[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Of the recipes named after the corpus the one with the fewest changes, and these."""
    named = [name for name in known_recipes(ROOT / RECIPES) if name.startswith(corpus)]
    names = named or [corpus]  # without any, `params_of` says so
    changes = {name: changes_from(params_of(Run(name, name, {})), params) for name in names}
    best = min(names, key=lambda name: sum(map(len, changes[name].values())))
    return best, changes[best]


def changes_from(recipe: dict[str, Any], params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Section -> key -> value, where the params are not the recipe's."""
    differing = {
        section: {key: value for key, value in values.items() if value != recipe[section][key]}
        for section, values in params.items()
        if section not in NO_RESULT
    }
    return {section: values for section, values in differing.items() if values}


def refuse_outdated(root: Path) -> None:
    """Raises UserError where DVC would run a stage up to evaluate again."""
    ended = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json", "--with-deps", "evaluate"],
        cwd=root,
        env=os.environ | {"DVC_NO_ANALYTICS": "true"},
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise UserError(f"dvc status failed: {ended.stderr.strip()}")
    if stale := json.loads(ended.stdout):
        raise UserError(f"not up to date: {', '.join(stale)}; run `make repro` first")


def trained_on(root: Path) -> tuple[float, dict[str, str]]:
    """The minutes of the training of the workspace's model, and what it noted of its machine."""
    note = (
        root
        / ".cache"
        / "trainings"
        / f"{md5_of(root / 'models' / 'model' / 'model.safetensors')}.json"
    )
    if not note.is_file():
        raise UserError("the model was not trained in this workspace, so nothing is known of the "
                        "machine: record the run where it was trained")  # fmt: skip
    noted = json.loads(note.read_text(encoding="utf-8"))
    return round(noted["seconds"] / 60, 1), noted["machine"]


def _read(root: Path, name: str) -> Any:
    return json.loads((root / "results" / f"{name}.json").read_text(encoding="utf-8"))
