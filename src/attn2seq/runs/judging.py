"""By which of its scores a corpus judges a model, and which way is better."""

from collections.abc import Mapping
from typing import Any

LOWER_IS_BETTER = ("word_error_rate",)


def judged_by(facts: Mapping[str, Any]) -> str:
    """The score's name, from the corpus's catalogue entry or its corpus.json.

    What it asks for, where that is a task's own score; exact match where the targets are tokens of
    a formal language; else BLEU.
    """
    for name in ("accuracy", "word_error_rate"):
        if name in facts["metrics"]:
            return name
    return "exact_match" if facts["bleu_tokenizer"] == "none" else "bleu"


def better(name: str, score: float, other: float) -> bool:
    """Whether the score is strictly better than the other one; a NaN is worse than any number."""
    if score != score or other != other:
        return score == score and other != other
    return score < other if name in LOWER_IS_BETTER else score > other
