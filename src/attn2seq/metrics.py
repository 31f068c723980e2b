"""Every metric that a translation is scored with: what it is called, how it is written and read.

METRICS["ter"].label                    "TER"
METRICS["ter"].better(48.0, 52.5)       True: fewer edits
METRICS["perplexity"].written(33.0219)  "33.022"
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """One metric; its name is its key in metrics.json and in MLflow."""

    label: str
    unit: Literal["%", "points", "", "bits"]
    """Of what lies between 0 and 100: shares are "%", scores made of several shares "points"."""
    higher_is_better: bool
    decimals: int
    needs: Literal["texts", "tokens", "characters"]
    """What is read: hypotheses and references, or how probable the model holds each token or
    character of the reference."""
    explanation: str
    """What it counts, for pages."""
    on_request: bool = False
    """Only computed where the corpus's catalogue entry asks for it."""

    @property
    def of_100(self) -> bool:
        """Whether its scale is 0 to 100."""
        return self.unit in ("%", "points")

    @property
    def heading(self) -> str:
        """The label, and the unit where it is not plain from the label."""
        return f"{self.label}, %" if self.unit == "%" else self.label

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"

    def written(self, score: float) -> str:
        """The score as tables show it."""
        return f"{score:.{self.decimals}f}"

    def shortly(self, score: float) -> str:
        """The score with one decimal less, as large headlines show it."""
        return f"{score:.{self.decimals - 1}f}"

    def written_difference(self, difference: float) -> str:
        """`+0.87`, or `0` where nothing is left of it after rounding."""
        text = f"{difference:+.{self.decimals}f}"
        return text if float(text) else "0"

    def written_interval(self, low: float, high: float) -> str:
        """An interval, with one decimal less than the score: `30.1–33.4`."""
        return f"{self.shortly(low)}–{self.shortly(high)}"

    def better(self, score: float, other: float) -> bool:
        """Whether the score is strictly better than the other; a NaN is worse than any number."""
        if score != score or other != other:
            return score == score and other != other
        return score > other if self.higher_is_better else score < other


# In the order in which tables list them.
METRICS = {
    "accuracy": Metric(
        "Accuracy", "%", True, 2, "texts", "labels predicted correctly", on_request=True
    ),
    "word_error_rate": Metric(
        "Word error rate", "%", False, 2, "texts", "words without a correct pronunciation",
        on_request=True,
    ),
    "wer": Metric(
        "WER", "%", False, 2, "texts", "words wrong, missing or too many, of 100 in the reference",
        on_request=True,
    ),
    "cer": Metric(
        "CER", "%", False, 2, "texts", "the same of characters, spaces included", on_request=True
    ),
    "bleu": Metric("BLEU", "points", True, 2, "texts", "n-gram overlap with the reference"),
    "moses_bleu": Metric(
        "BLEU, Moses", "points", True, 2, "texts",
        "lower-cased, Moses tokens: the figure of older papers", on_request=True,
    ),
    "chrf": Metric("chrF", "points", True, 2, "texts", "character n-grams shared"),
    "ter": Metric("TER", "points", False, 2, "texts", "edits per 100 words of the reference"),
    "rouge1": Metric("ROUGE-1", "points", True, 2, "texts", "words shared"),
    "rouge2": Metric("ROUGE-2", "points", True, 2, "texts", "word pairs shared"),
    "rougeL": Metric("ROUGE-L", "points", True, 2, "texts", "words shared, in order"),
    "rouge1_mean": Metric(
        "ROUGE-1, mean", "points", True, 2, "texts", "words shared, mean of the references",
        on_request=True,
    ),
    "rouge2_mean": Metric(
        "ROUGE-2, mean", "points", True, 2, "texts", "word pairs shared, mean of the references",
        on_request=True,
    ),
    "rougeL_mean": Metric(
        "ROUGE-L, mean", "points", True, 2, "texts",
        "words shared, in order, mean of the references", on_request=True,
    ),
    "exact_match": Metric("Exact match", "%", True, 2, "texts", "sentences equal to a reference"),
    "perplexity": Metric("Perplexity", "", False, 3, "tokens", "per token of the reference"),
    "bits_per_character": Metric(
        "Bits per character", "bits", False, 4, "characters", "of the reference"
    ),
}  # fmt: skip

# Those that say most; so do the ones that a corpus asks for.
_LEADING = {"bleu", "chrf", "exact_match", "perplexity"}


def in_order(there: Collection[str], judge: str | None) -> list[str]:
    """The metrics that are there, as tables list them: the one that judges comes first."""
    names = [name for name in METRICS if name in there]
    return sorted(names, key=lambda name: name != judge)


def leading(there: Collection[str], judge: str | None = None) -> list[str]:
    """Of the metrics that are there, at most four to show where there is no room for all."""
    return [
        name
        for name in in_order(there, judge)
        if METRICS[name].on_request or name in _LEADING or name == judge
    ][:4]


def judged_by(facts: Mapping[str, Any]) -> str:
    """The metric by which a corpus judges a model, from its catalogue entry or its corpus.json.

    The one that it names (`judged_by`). Without it: what it asks for, where that is a task's own
    score; exact match where the targets are tokens of a formal language; else BLEU.
    """
    if facts.get("judged_by"):
        return str(facts["judged_by"])
    for name in ("accuracy", "word_error_rate", "wer"):
        if name in facts["metrics"]:
            return name
    return "exact_match" if facts["bleu_tokenizer"] == "none" else "bleu"
