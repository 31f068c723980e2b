"""The stage on a model folder with random weights: what its settings name is what it writes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from table_model import decode_settings
from tiny_model import TEXTS

from attn2seq.errors import UserError
from attn2seq.workspace.stage import Stage
from pipeline import decode

Decoded = list[list[str]]


@pytest.fixture
def decoded(
    model_folder: Path,
    further_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Decoded]:
    """Runs the stage with the settings; the texts it wrote for each line of test."""
    shutil.copytree(model_folder, tmp_path / "models/trained")
    further_model("data/ensemble/other")
    pairs = pd.DataFrame({"src": [*TEXTS, ""], "tgt": ["two men", *TEXTS]})
    (tmp_path / "data/prepared").mkdir(parents=True)
    for split in ("dev", "test"):
        pairs.to_parquet(tmp_path / f"data/prepared/{split}.parquet")
    monkeypatch.chdir(tmp_path)

    def run(**overrides: Any) -> Decoded:
        values = {"beam_size": 4, "nbest": 2, "min_length": 1, "max_length_offset": 10}
        section = decode_settings(**values | overrides).model_dump()
        decode.main(Stage("decode", {"decode": section}, {}))
        lines = Path("results/decode/test/nbest.jsonl").read_text(encoding="utf-8").splitlines()
        return [[one["text"] for one in json.loads(line)["hypotheses"]] for line in lines]

    return run


def test_every_way_of_decoding_gives_other_texts(
    decoded: Callable[..., Decoded], capsys: pytest.CaptureFixture[str]
) -> None:
    ways: dict[str, dict[str, Any]] = {
        "float32, beam size 4": {},
        "float32, beam size 4, 2 models": {"ensemble": ["other"]},
        "float32, samples per sentence: 2": {"search": "sampling"},
        "float32, samples per sentence: 9, ranked by expected chrf": {
            "search": "sampling",
            "mbr": "chrf",
            "mbr_candidates": 9,
        },
        "float32, beam size 8, ranked by expected bleu": {
            "beam_size": 8,
            "mbr": "bleu",
            "mbr_candidates": 8,
        },
    }
    found: list[Decoded] = []
    for said, options in ways.items():
        texts = decoded(**options)
        assert f"1 threads, {said}\n" in capsys.readouterr().err
        assert len(texts) == len(TEXTS) + 1
        assert texts not in found
        found.append(texts)
        if "samples" in said:
            assert decoded(**options) == texts


@pytest.mark.parametrize("maps", [0, 2])
def test_so_many_attention_maps_are_kept_of_each_split(
    decoded: Callable[..., Decoded], maps: int
) -> None:
    decoded(attention_maps=maps)
    for split in ("dev", "test"):
        with np.load(f"results/decode/{split}/attention.npz") as arrays:
            weights = [name for name in arrays.files if name.startswith("weights_")]
        assert weights == [f"weights_{line}" for line in range(maps)]


def test_a_gpu_that_is_not_there_is_told(
    decoded: Callable[..., Decoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"^decode\.device is cuda, but torch sees no GPU"):
        decoded(device="cuda")
    decoded(device="auto")


def test_a_model_that_is_not_there_is_told(decoded: Callable[..., Decoded]) -> None:
    with pytest.raises(UserError, match="data/ensemble/none holds no model"):
        decoded(ensemble=["none"])
