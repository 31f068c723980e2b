"""Training with word vectors of a user's own, and on texts that are cut anew in each epoch."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from test_own_corpus import TEXTS, readme_entries
from tiny_project import run_stages, write_params

VECTORS = "".join(
    f"{word} {' '.join([str(place)] * 16)}\n"
    for place, word in enumerate(["the", "number", "nummer", "die", "a"], start=1)
)


def test_vectors_start_the_embeddings_and_segmentation_is_drawn(
    in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = readme_entries()["delimited"]
    entry["make_splits"] |= {"dev": 3, "test": 10}
    for folder in ("data/catalogue", "data/local"):
        (in_tmp_path / folder).mkdir(parents=True)
    YAML(typ="safe").dump(entry, in_tmp_path / "data/catalogue/mine.yaml")
    (in_tmp_path / "data/local/mine.tsv").write_text(TEXTS["mine.tsv"], "utf-8")
    (in_tmp_path / "data/local/own.vec").write_text(VECTORS, "utf-8")
    changes = {
        "download": {"corpus": "mine", "src_vectors": "own.vec", "tgt_vectors": "own.vec"},
        "prepare": {"dev_share": 0.2},
        "tokenize": {
            "vocabulary_size": 29, "joint_vocabulary": False, "tgt_model_type": "bpe",
            "tgt_vocabulary_size": 45, "user_defined_symbols": ["17"],
        },
        "model": {"tie_embeddings": "none", "freeze_embeddings": True},
        "train": {"subword_nbest": 4, "bpe_dropout": 0.2},
    }  # fmt: skip
    write_params(in_tmp_path, "phrasebook-en-de", changes)
    run_stages(in_tmp_path, until="train")
    assert len(pd.read_parquet(in_tmp_path / "data/prepared/dev.parquet")) == 24
    said = capsys.readouterr().err
    assert "train: src is re-segmented in each epoch, by subword regularisation" in said
    assert "train: tgt is re-segmented in each epoch, by BPE dropout" in said
    figures = json.loads((in_tmp_path / "data/tokenized/vectors.json").read_text("utf-8"))
    assert figures["tgt"]["words_found"] == 3
    weights = load_file(in_tmp_path / "models/trained/model.safetensors")
    for side in ("src", "tgt"):
        vectors = np.load(in_tmp_path / f"data/tokenized/{side}_vectors.npy")
        found = ~np.isnan(vectors).any(axis=1)
        assert found.sum() == figures[side]["words_found"]
        assert np.array_equal(weights[f"{side}_embedding.weight"][found], vectors[found])
