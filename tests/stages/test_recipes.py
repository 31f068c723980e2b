"""Each recipe of a real corpus through all stages, on the corpus's first lines and a tiny model."""

import importlib
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from sliced_corpora import OTHER_LINES, write_slice

from pipeline.check import check_params
from pipeline.recipe import apply_recipe
from pipeline.stage import run_stage

PROJECT = Path(__file__).parents[2]
STAGES = (
    "check", "download", "prepare", "tokenize", "train", "decode", "evaluate", "report",
)  # fmt: skip
# What a corpus is scored by, and part of the signature.
SCORED_BY = {
    "multi30k-en-de": ("moses_bleu", "tok:moses-de"),
    "multi30k-en-fr": ("moses_bleu", "tok:moses-fr"),
    "multi30k-en-cs": ("moses_bleu", "tok:moses-cs"),
    "tatoeba-eng-fra": ("bleu", "tok:13a"),
    "tatoeba-eng-cmn": ("bleu", "tok:zh"),
    "atis-lambda": ("exact_match", "equal:any reference"),
    "scan": ("exact_match", "equal:any reference"),
    "scan-length": ("exact_match", "equal:any reference"),
    "sst2": ("accuracy", "equal:any reference"),
    "cmudict": ("word_error_rate", "words equal to no reference"),
}
# A model that takes a second; the rest is the recipe's.
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


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, Path], dict[str, Any]]]:
    """Makes a folder that a recipe can run in, and the working directory; returns its params."""
    threads = torch.get_num_threads()

    def make(name: str, mirror: Path) -> dict[str, Any]:
        for shared in ("src", "pipeline", "dvc.yaml"):
            os.symlink(PROJECT / shared, tmp_path / shared)
        write_slice(PROJECT / "data" / "catalogue" / f"{name}.yaml", mirror, tmp_path)
        params = tmp_path / "params.yaml"
        params.write_bytes((PROJECT / "params.yaml").read_bytes())
        check = partial(check_params, catalogue=tmp_path / "data" / "catalogue")
        apply_recipe(name, PROJECT / "recipes", params, check)
        values: dict[str, Any] = YAML(typ="safe").load(params)
        for section, changes in TINY.items():
            values[section].update(changes)
        if values["tokenize"]["model_type"] == "unigram":  # so few lines have few pieces
            values["tokenize"]["vocabulary_size"] = 300
            if values["tokenize"]["tgt_model_type"] == "same":
                values["tokenize"]["tgt_vocabulary_size"] = 520
            if values["tokenize"]["joint_vocabulary"]:
                values["tokenize"]["tgt_vocabulary_size"] = 0
        YAML(typ="safe").dump(values, params)
        monkeypatch.setenv("CORPUS_MIRROR", str(tmp_path / "mirror"))
        monkeypatch.delenv("DVC_ROOT", raising=False)
        monkeypatch.chdir(tmp_path)
        return values

    yield make
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SCORED_BY)
def test_a_recipe_runs_through_all_stages(
    name: str, mirror: Path, tmp_path: Path, project: Callable[[str, Path], dict[str, Any]]
) -> None:
    project(name, mirror)
    for stage in STAGES:
        module = "tokenize_corpus" if stage == "tokenize" else stage
        run_stage(stage, importlib.import_module(f"pipeline.{module}").main)
    results = tmp_path / "results"
    metric, signature = SCORED_BY[name]
    scores = json.loads((results / "evaluate/metrics.json").read_text(encoding="utf-8"))
    signatures = json.loads((results / "evaluate/signatures.json").read_text(encoding="utf-8"))
    for split in ("dev", "test"):
        pairs = pd.read_parquet(tmp_path / f"data/prepared/{split}.parquet")
        assert len(pairs) == OTHER_LINES
        text = (results / f"decode/{split}/hypotheses.txt").read_text(encoding="utf-8")
        assert text.count("\n") == OTHER_LINES
        assert 0 <= scores[split][metric] <= 100
        assert signature in signatures[split][metric]["signature"]
    assert pairs["src"][0] in (results / "report/index.html").read_text(encoding="utf-8")


def test_no_recipe_of_a_real_corpus_is_left_out() -> None:
    names = {path.stem for path in (PROJECT / "recipes").glob("*.yaml")}
    assert names - {"phrasebook-en-de"} == set(SCORED_BY)
