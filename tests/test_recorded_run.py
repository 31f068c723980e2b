"""The run that this commit records is as good as the project says its default is."""

import hashlib
import json
from pathlib import Path

import pytest

from attn2seq.config import read_yaml

ROOT = Path(__file__).parents[1]
DEFAULTS = "recipes/phrasebook-en-de.yaml"
METRICS = "results/evaluate/metrics.json"
LEAST_DEV_BLEU = 94.0


@pytest.fixture(scope="module", autouse=True)
def default_params() -> None:
    """Another corpus or model has scores of its own."""
    params = read_yaml(ROOT / "params.yaml")
    if params != read_yaml(ROOT / DEFAULTS):
        pytest.skip(f"params.yaml holds other values than {DEFAULTS}")


def test_the_scores_are_those_that_the_lock_records() -> None:
    outs = read_yaml(ROOT / "dvc.lock")["stages"]["evaluate"]["outs"]
    (recorded,) = [out["md5"] for out in outs if out["path"] == METRICS]
    assert hashlib.md5((ROOT / METRICS).read_bytes()).hexdigest() == recorded


def test_the_default_model_is_no_worse() -> None:
    scores = json.loads((ROOT / METRICS).read_text(encoding="utf-8"))
    assert scores["dev"]["bleu"] >= LEAST_DEV_BLEU
