"""A run that starts from a trained model of another corpus, through all stages."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from test_own_corpus import TEXTS, readme_entries
from tiny_project import run_stages, write_params


def test_weights_and_vocabularies_of_the_model_that_a_run_starts_from(
    in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry: dict[str, Any] = readme_entries()["delimited"]
    entry["make_splits"] |= {"dev": 13, "test": 10}
    for folder in ("data/catalogue", "data/local"):
        (in_tmp_path / folder).mkdir(parents=True)
    rows = TEXTS["mine.tsv"].splitlines()
    for name, texts in (("mine", rows), ("other", [row.replace("7", "8") for row in rows])):
        values = entry | {"name": name, "files": [{"path": f"{name}.tsv"}]}
        values |= {"splits": {"train": entry["splits"]["train"] | {"file": f"{name}.tsv"}}}
        YAML(typ="safe").dump(values, in_tmp_path / f"data/catalogue/{name}.yaml")
        (in_tmp_path / f"data/local/{name}.tsv").write_text("\n".join(texts) + "\n", "utf-8")
    base = {"download": {"corpus": "mine"}, "tokenize": {"vocabulary_size": 33}}
    write_params(in_tmp_path, "phrasebook-en-de", base)
    run_stages(in_tmp_path, until="train")
    shutil.copytree(in_tmp_path / "models/trained", in_tmp_path / "base")
    # Steps too small to be seen: what training began with is what it ends with.
    changes = {
        "download": {"corpus": "other", "start_from": "base"},
        "tokenize": {"vocabulary_size": 29},
        "train": {"learning_rate": 1e-12},
    }
    write_params(in_tmp_path, "phrasebook-en-de", changes)
    run_stages(in_tmp_path)
    said = capsys.readouterr().err
    assert "download: training starts from base" in said
    assert "tokenize: the vocabularies are those of the model that training starts from" in said
    assert "train: all weights start from those of a trained model" in said
    for name in ("src.model", "tgt.model"):
        path = in_tmp_path / "models/trained" / name
        assert path.read_bytes() == (in_tmp_path / "base" / name).read_bytes()
    folders = ("base", "models/trained")
    before, after = (load_file(in_tmp_path / each / "model.safetensors") for each in folders)
    for name, weight in before.items():
        np.testing.assert_allclose(after[name], weight, rtol=2**-8)  # bfloat16 rounds


def test_a_longer_training_says_that_it_begins_anew_and_how_a_model_is_trained_further(
    built_project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More steps are another training: its bytes are those of one that never ended earlier."""
    yaml = YAML(typ="safe")
    params = yaml.load(built_project / "params.yaml")
    params["train"]["max_steps"] += 12
    yaml.dump(params, built_project / "params.yaml")
    run_stages(built_project, "train")
    said = capsys.readouterr().err
    assert "train: from step 0, since no training of exactly these settings" in said
    assert "to train a model further, name it in download.start_from" in said
    # The remedy: its first evaluation on dev is about as good as the model's best.
    shutil.copytree(built_project / "models/trained", built_project / "data/local/base")
    best = json.loads((built_project / "results/train/metrics.json").read_text())["dev_loss"]
    params["download"]["start_from"] = "data/local/base"
    params["train"] |= {"learning_rate": 1e-12, "max_steps": 12}
    yaml.dump(params, built_project / "params.yaml")
    run_stages(built_project, "train")
    further = json.loads((built_project / "results/train/metrics.json").read_text())["dev_loss"]
    assert further == pytest.approx(best, rel=0.01)
