"""Workspaces on a GPU machine, made of the code that is there and of data that was carried."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

from benchmarks.gpu import CARRIED, PLACES
from benchmarks.machine import ROOT
from benchmarks.tables.runs import COPIED, Changes, Run, merged, run_stages

DATA = ("data/prepared", "data/tokenized")
PARAMS = "params.yaml"
CORPORA = {
    "default": Run("gpu-default", "phrasebook-en-de", {}),
    "multi30k": Run("gpu-multi30k", "multi30k-en-de-lowercase", {}),
}
BEFORE = ("code_digests", "check")  # the digests differ between versions of Python
SMALL: Changes = {
    "model": {
        "embedding_size": 16, "encoder_hidden_size": 16, "decoder_hidden_size": 16,
        "attention_size": 16,
    },
    "train": {
        "max_steps": 6, "evaluate_every_steps": 3, "log_every_steps": 1, "average_checkpoints": 0,
        "warmup_steps": 2, "threads": 1,
    },
    "decode": {"beam_size": 2, "nbest": 1, "max_length_factor": 0.0, "max_length_offset": 2,
               "length_normalisation": "none", "coverage_penalty": 0.0, "threads": 1},
    "evaluate": {"bootstrap_samples": 100},
}  # fmt: skip


def rehearsal() -> bool:
    """Whether a CPU stands in for the GPU, and all is small."""
    return bool(os.environ.get("GPU_REHEARSAL"))


def device() -> torch.device:
    """What is measured. Raises SystemExit where it is not there."""
    if rehearsal():
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU here; --rehearse tries everything on the CPU")
    return torch.device("cuda")


def started(corpus: str, name: str, *changes: Changes) -> Path:
    """A fresh workspace of that name, ready for the stage train."""
    # auto, once it is known to be there: a driver may lie where `check` does not look for it.
    place, kind = PLACES / name, "cpu" if device().type == "cpu" else "auto"
    shutil.rmtree(place, ignore_errors=True)
    for part in (*COPIED, *DATA, PARAMS):
        origin = (CARRIED / corpus if part in (*DATA, PARAMS) else ROOT) / part
        copy = shutil.copytree if origin.is_dir() else shutil.copyfile
        if origin.exists():
            (place / part).parent.mkdir(parents=True, exist_ok=True)
            copy(origin, place / part)
    set_params(
        place,
        {"train": {"device": kind}, "decode": {"device": kind}, "track": {"enabled": False}},
        *((SMALL, small_readout(place)) if rehearsal() else ()),
        *changes,
    )
    run_stages(place, BEFORE)
    return place


def small_readout(place: Path) -> Changes:
    """As wide as the small embeddings, where there is one: a Transformer decoder has none."""
    wide = YAML(typ="safe").load(place / PARAMS)["model"]["readout_size"]
    return {"model": {"readout_size": 16 if wide else 0}}


def set_params(place: Path, *changes: Changes) -> None:
    """Change the workspace's params."""
    yaml = YAML(typ="safe")
    params: dict[str, Any] = yaml.load(place / PARAMS)
    for section, values in merged(*changes).items():
        params[section] |= values
    yaml.dump(params, place / PARAMS)


def say(values: Mapping[str, object]) -> None:
    """Print findings, which the table of all parts shows."""
    for name, value in values.items():
        print(f"= {name}: {value}", flush=True)
