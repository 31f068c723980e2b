"""A folder in which the stages run, in this process, with a model that takes a second."""

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.recipes import apply_recipe
from attn2seq.workspace.stage import run_stage

PROJECT = Path(__file__).parents[2]
STAGES = (
    "code", "check", "download", "prepare", "tokenize", "train", "decode", "evaluate", "package",
    "report",
)  # fmt: skip
TINY: dict[str, dict[str, Any]] = {
    "model": {
        "embedding_size": 16, "encoder_hidden_size": 8, "decoder_hidden_size": 16,
        "attention_size": 8, "readout_size": 16,
    },
    "train": {"device": "cpu", "threads": 1, "max_steps": 4, "evaluate_every_steps": 2},
    "decode": {"device": "cpu", "beam_size": 2, "attention_maps": 2},
    "evaluate": {"bootstrap_samples": 100},
    "track": {"enabled": False},
}  # fmt: skip


def write_params(root: Path, recipe: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """The recipe's params with a tiny model, and the changes."""
    params = root / "params.yaml"
    params.write_bytes((PROJECT / "params.yaml").read_bytes())
    check = partial(check_params, catalogue=PROJECT / "data" / "catalogue")
    apply_recipe(recipe, PROJECT / "recipes", params, check)
    yaml = YAML(typ="safe")
    values = yaml.load(params)
    for section, sizes in (*TINY.items(), *changes.items()):
        values[section].update(sizes)
    model = values["model"]
    for part in ("encoder", "decoder"):
        if model[part] == "transformer":  # whose layers are as wide as embeddings
            model[f"{part}_hidden_size"] = model["embedding_size"]
    if model["decoder"] == "transformer":
        model["readout_size"] = 0
    yaml.dump(values, params)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """For stages that run in this process."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DVC_ROOT", raising=False)
        patch.chdir(folder)
        yield
    torch.set_num_threads(threads)


def run_stages(root: Path, until: str = STAGES[-1]) -> None:
    """One after the other up to the last one named; the working directory must be `root`."""
    for shared in ("src", "pipeline", "dvc.yaml"):
        if not (root / shared).exists():
            os.symlink(PROJECT / shared, root / shared)
    for stage in STAGES[: STAGES.index(until) + 1]:
        run_stage(stage, importlib.import_module(f"pipeline.{script_of(stage)}").main)


def script_of(stage: str) -> str:
    """The name of a stage's script in pipeline/."""
    return {"tokenize": "tokenize_corpus", "code": "code_digests"}.get(stage, stage)
