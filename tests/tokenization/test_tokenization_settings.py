"""Settings of tokenize: what cannot go together is told with its key."""

from collections.abc import Callable
from typing import Any

import pytest

from attn2seq.config import ConfigError, validate
from attn2seq.tokenization.settings import TokenizeSettings


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"tgt_model_type": "word"}, "tgt_model_type must be same where joint_vocabulary is true"),
        (
            {"tgt_vocabulary_size": 70},
            "tgt_vocabulary_size must be 0 where joint_vocabulary is true",
        ),
        (
            {"vocabulary_size": "60"},
            "tokenize.vocabulary_size: input should be a valid integer, got '60'",
        ),
        (
            {"model_type": "wordpiece"},
            "tokenize.model_type: input should be 'unigram', 'bpe', 'char' or 'word'",
        ),
        (
            {"character_coverage": 1.5},
            "tokenize.character_coverage: input should be less than or equal to 1",
        ),
        (
            {"byte_fallback": True, "vocabulary_size": 259},
            "vocabulary_size (259) is too small for the bytes of byte_fallback, which with the "
            "special pieces and the symbols take 260: set tokenize.vocabulary_size to more",
        ),
        (
            {"byte_fallback": True, "vocabulary_size": 260, "user_defined_symbols": ["<n>"]},
            "take 261",
        ),
        (
            {
                "byte_fallback": True,
                "vocabulary_size": 260,
                "joint_vocabulary": False,
                "tgt_vocabulary_size": 99,
            },
            "tokenize: tgt_vocabulary_size (99) is too small",
        ),
        ({"vocab_size": 60}, "tokenize.vocab_size: unknown key"),
        (
            {"model_type": "word", "user_defined_symbols": ["<n>"]},
            "user_defined_symbols must be [] where a model type is word",
        ),
        (
            {"joint_vocabulary": False, "tgt_model_type": "word", "user_defined_symbols": ["<n>"]},
            "user_defined_symbols must be [] where a model type is word",
        ),
        ({"user_defined_symbols": ["<n>", ""]}, "'' must have characters, and no space"),
        ({"user_defined_symbols": ["a b"]}, "'a b' must have characters, and no space"),
        (
            {"user_defined_symbols": ["a\u2581"]},
            "must have characters, and no space, line end, NUL",
        ),
        ({"user_defined_symbols": ["</s>"]}, "</s> is a special piece already"),
        ({"user_defined_symbols": ["x", "y", "x"]}, "user_defined_symbols: 'x' occurs twice"),
        ({"user_defined_symbols": "<n>"}, "tokenize.user_defined_symbols: input should be a valid"),
    ],
)
def test_what_cannot_be_used(
    tokenize_settings: Callable[..., TokenizeSettings], changes: dict[str, Any], fault: str
) -> None:
    values = tokenize_settings().model_dump() | changes
    with pytest.raises(ConfigError) as caught:
        validate({"tokenize": TokenizeSettings}, {"tokenize": values}, "params.yaml")
    assert fault in str(caught.value)


def test_the_same_said_twice_is_no_fault(
    tokenize_settings: Callable[..., TokenizeSettings],
) -> None:
    settings = tokenize_settings(tgt_model_type="bpe", tgt_vocabulary_size=60)
    assert settings.tgt_vocabulary_size == settings.vocabulary_size
