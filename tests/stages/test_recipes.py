"""Each recipe of a real corpus through all stages, on the corpus's first lines and a tiny model."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from classics import CLASSICS
from ruamel.yaml import YAML
from scores_anew import score_anew
from sliced_corpora import OTHER_LINES, write_slice
from tiny_project import PROJECT, run_stages, write_params

from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.recipes import read_recipe

# What a corpus is scored by, and part of the signature.
SCORED_BY = {
    "multi30k-en-de-lowercase": ("moses_bleu", "tok:moses-de"),
    "multi30k-en-de": ("moses_bleu", "tok:moses-de"),
    "multi30k-en-fr-lowercase": ("moses_bleu", "tok:moses-fr"),
    "multi30k-en-cs-lowercase": ("moses_bleu", "tok:moses-cs"),
    "multi30k-en-fr": ("moses_bleu", "tok:moses-fr"),
    "multi30k-en-cs": ("moses_bleu", "tok:moses-cs"),
    "tatoeba-eng-fra": ("bleu", "tok:13a"),
    "tatoeba-eng-cmn": ("bleu", "tok:zh"),
    "atis-lambda": ("exact_match", "equal:any reference"),
    "scan": ("exact_match", "equal:any reference"),
    "scan-length": ("exact_match", "equal:any reference"),
    "sst2": ("accuracy", "equal:any reference"),
    "aeslc": ("bleu", "tok:13a"),
    "dailydialog": ("bleu", "tok:13a"),
    "cmudict": ("word_error_rate", "words equal to no reference"),
}
# Of corpora that no mirror here holds: millions of parameters.
NOWHERE_NEAR = {"wmt14-en-de": 63, "wmt16-en-de": 193, "iwslt14-de-en": 37}


@pytest.mark.parametrize("name", SCORED_BY)
def test_a_recipe_runs_through_all_stages(
    name: str, mirror: Path, in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = recipe_of(name)["download"]["corpus"]
    write_slice(PROJECT / "data" / "catalogue" / f"{corpus}.yaml", mirror, in_tmp_path)
    monkeypatch.setenv("CORPUS_MIRROR", str(in_tmp_path / "mirror"))
    write_params(in_tmp_path, name, {"tokenize": sizes_for_a_slice(name)})
    run_stages(in_tmp_path)
    results = in_tmp_path / "results"
    metric, signature = SCORED_BY[name]
    scores = json.loads((results / "evaluate/metrics.json").read_text(encoding="utf-8"))
    signatures = json.loads((results / "evaluate/signatures.json").read_text(encoding="utf-8"))
    facts = json.loads((in_tmp_path / "data/prepared/corpus.json").read_text(encoding="utf-8"))
    for split in ("dev", "test"):
        pairs = pd.read_parquet(in_tmp_path / f"data/prepared/{split}.parquet")
        assert len(pairs) == OTHER_LINES
        text = (results / f"decode/{split}/hypotheses.txt").read_text(encoding="utf-8")
        assert text.count("\n") == OTHER_LINES
        for key, tokenizer in (
            (metric, signature.removeprefix("tok:")),
            ("bleu", facts["bleu_tokenizer"]),
        ):
            found = score_anew(in_tmp_path, split, key, tokenizer)
            assert scores[split][key] == pytest.approx(found, abs=1e-4), key
        assert signature in signatures[split][metric]["signature"]
    assert pairs["src"][0] in (results / "report/index.html").read_text(encoding="utf-8")


def recipe_of(name: str) -> dict[str, Any]:
    """What the recipe's file holds."""
    values: dict[str, Any] = YAML(typ="safe").load(PROJECT / "recipes" / f"{name}.yaml")
    return values


def sizes_for_a_slice(name: str) -> dict[str, Any]:
    """So few lines have few pieces; those of Chinese are mostly its characters."""
    tokenize = recipe_of(name)["tokenize"]
    if tokenize.get("model_type", "unigram") != "unigram":
        return {}
    own_pieces = not tokenize.get("joint_vocabulary", True) and "tgt_model_type" not in tokenize
    return {"vocabulary_size": 300, "tgt_vocabulary_size": 520 if own_pieces else 0}


def test_no_recipe_of_a_real_corpus_is_left_out() -> None:
    names = {path.stem for path in (PROJECT / "recipes").glob("*.yaml")}
    # Of recordings there are no first lines: test_speech_corpora.py
    others = {"phrasebook-en-de", "an4", *NOWHERE_NEAR}
    assert names - set(CLASSICS) - others == set(SCORED_BY)


@pytest.mark.parametrize("name", NOWHERE_NEAR)
def test_a_recipe_of_a_published_size_is_sound(name: str) -> None:
    params = read_recipe(name, PROJECT / "recipes")
    check_params(params, PROJECT / "data/catalogue")
    settings = ModelSettings.model_validate(params["model"])
    pieces = params["tokenize"]["vocabulary_size"]
    with torch.device("meta"):
        model = Seq2Seq(settings, pieces, pieces)
    millions = round(sum(weights.numel() for weights in model.parameters()) / 1e6)
    assert millions == NOWHERE_NEAR[name]
