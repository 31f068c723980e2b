"""Settings and small models that many tests share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings

ROOT = Path(__file__).parents[1]


@pytest.fixture
def model_settings() -> Callable[..., ModelSettings]:
    """Settings of a small model; any field can be given."""

    def make(**changes: Any) -> ModelSettings:
        values = {
            "cell": "lstm", "embedding_size": 12, "encoder_layers": 1, "encoder_hidden_size": 8,
            "bidirectional": True, "decoder_layers": 1, "decoder_hidden_size": 16,
            "attention": "additive", "attention_size": 10, "input_feeding": False,
            "readout_size": 12, "residual": False, "dropout": 0.0, "tie_embeddings": "none",
        }  # fmt: skip
        return ModelSettings.model_validate(values | changes)

    return make


@pytest.fixture
def small_model(model_settings: Callable[..., ModelSettings]) -> Callable[..., Seq2Seq]:
    """A small model with random weights, vocabularies of 20 and 20, ready to decode."""

    def make(**changes: Any) -> Seq2Seq:
        torch.manual_seed(3)
        return Seq2Seq(model_settings(**changes), 20, 20).eval()

    return make


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The corpus mirror; a test that needs it is skipped where there is none."""
    folder = Path(os.environ.get("CORPUS_MIRROR", ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpus mirror at {folder} (set CORPUS_MIRROR)")
    return folder.resolve()
