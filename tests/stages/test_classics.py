"""Each classic recipe keeps what its system is known for, trains, decodes and scores."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from classics import CLASSICS
from ruamel.yaml import YAML
from scores_anew import score_anew
from tiny_project import PROJECT, TINY, run_stages
from tiny_task import CATALOGUE_ENTRY, write_corpus

from attn2seq.workspace.check_params import check_params
from attn2seq.workspace.recipes import apply_recipe


def params_of(recipe: str, folder: Path) -> dict[str, Any]:
    params = folder / "params.yaml"
    params.write_bytes((PROJECT / "params.yaml").read_bytes())
    check = partial(check_params, catalogue=PROJECT / "data" / "catalogue")
    apply_recipe(recipe, PROJECT / "recipes", params, check)
    values: dict[str, Any] = YAML(typ="safe").load(params)
    return values


@pytest.mark.parametrize("recipe", CLASSICS)
def test_a_recipe_is_the_system_it_names(recipe: str, tmp_path: Path) -> None:
    values = params_of(recipe, tmp_path)
    every = values["prepare"] | values["tokenize"] | values["decode"]
    every |= values["train"] | values["model"]
    assert {key: every[key] for key in CLASSICS[recipe]} == CLASSICS[recipe]


@pytest.mark.parametrize("recipe", CLASSICS)
def test_a_classic_trains_decodes_and_scores(recipe: str, in_tmp_path: Path) -> None:
    """On a tiny task, with a sixteenth of the units."""
    values = params_of(recipe, in_tmp_path)
    for key, value in values["model"].items():
        if key.endswith("_size"):
            values["model"][key] = value // 16
    for section in ("train", "decode", "evaluate", "track"):
        values[section] |= TINY[section]
    values["download"]["corpus"] = "reversed"
    values["tokenize"] |= {"model_type": "char", "vocabulary_size": 64}
    values["prepare"] |= {"limit_train_pairs": 0, "dev_share": 0.0}
    (in_tmp_path / "data/catalogue").mkdir(parents=True)
    (in_tmp_path / "data/catalogue/reversed.yaml").write_text(CATALOGUE_ENTRY, encoding="utf-8")
    write_corpus(in_tmp_path / "data/local")
    YAML().dump(values, in_tmp_path / "params.yaml")
    run_stages(in_tmp_path, until="evaluate")
    scores = json.loads((in_tmp_path / "results/evaluate/metrics.json").read_text("utf-8"))
    trained = json.loads((in_tmp_path / "results/train/metrics.json").read_text("utf-8"))
    assert trained["steps"] == 4
    found = score_anew(in_tmp_path, "test", "bleu", tokenizer="char")
    assert scores["test"]["bleu"] == pytest.approx(found, abs=1e-4)
    assert scores["test"]["perplexity"] > 1
