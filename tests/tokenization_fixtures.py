"""Texts to learn small vocabularies from, and settings for them."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.tokenization.vocabulary import VocabularySpec, learn_vocabulary, vocabulary_specs

WORDS = [
    "haus",
    "bäume",
    "katze",
    "hund",
    "gehen",
    "sehen",
    "äpfel",
    "wort",
    "satz",
    "über",
    "straße",
]


def sentences(count: int, seed: int) -> list[str]:
    """Sentences of one to eight words."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 8))) for _ in range(count)]


@pytest.fixture
def tokenize_settings() -> Callable[..., TokenizeSettings]:
    """A small joint vocabulary; any field can be given."""

    def make(**changes: Any) -> TokenizeSettings:
        values = {
            "model_type": "bpe", "vocabulary_size": 60, "joint_vocabulary": True,
            "tgt_model_type": "same", "tgt_vocabulary_size": 0, "character_coverage": 1.0,
            "byte_fallback": False, "user_defined_symbols": [], "max_training_lines": 0, "seed": 1,
        }  # fmt: skip
        return TokenizeSettings.model_validate(values | changes)

    return make


@pytest.fixture
def tokenizer(
    tmp_path: Path, tokenize_settings: Callable[..., TokenizeSettings]
) -> Callable[..., Tokenizer]:
    """A tokenizer learnt from texts (or from `sentences`), with any of the settings given."""

    def make(texts: list[str] | None = None, **changes: Any) -> Tokenizer:
        settings = tokenize_settings(**changes)
        spec: VocabularySpec = vocabulary_specs(settings)["src"]
        path = tmp_path / "some.model"
        path.write_bytes(learn_vocabulary(texts or sentences(300, 1), spec, settings))
        return Tokenizer(path)

    return make


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A prepared corpus whose target is the source in capitals."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    for seed, (split, count) in enumerate((("train", 400), ("dev", 20), ("test", 10))):
        texts = sentences(count, seed)
        table = pd.DataFrame({"src": texts, "tgt": [text.upper() for text in texts]})
        table.to_parquet(folder / f"{split}.parquet")
    return folder
