"""A run that starts from a trained model of another corpus, through all stages."""

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
    run_stages(in_tmp_path)
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
