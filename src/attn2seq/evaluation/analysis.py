"""Where a system does well and badly: by length, by rare words; repetitions and copies."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attn2seq.evaluation.measures import Measure
from attn2seq.evaluation.surface import rouge_measures
from attn2seq.evaluation.texts import SplitTexts, split_words

# Lower bounds of the buckets; each reaches to the next one's bound.
LENGTH_BOUNDS = (0, 4, 7, 10, 15, 20, 30, 50, 100, 200)
FREQUENCY_BOUNDS = (0, 1, 5, 20, 100, 1000)
LONGEST_REPETITION = 4


def analyse(
    split: SplitTexts,
    measures: dict[str, Measure],
    train_counts: Counter[str],
    side: Literal["src", "tgt"] = "src",
) -> dict[str, Any]:
    """Everything the report shows of one split beyond its scores; JSON values.

    `train_counts` says how often each word of that side stands in the training data: of recordings,
    which have no words of their own, the target's words are counted.
    """
    texts = split.sources if side == "src" else split.targets
    source_words = [split_words(text) for text in texts]
    lengths = np.array([len(words) for words in source_words])
    rarest = np.array(
        [min((train_counts[word] for word in words), default=0) for words in source_words]
    )
    return {
        "by_length": _score_buckets(lengths, LENGTH_BOUNDS, measures),
        "by_rarest_word": _score_buckets(rarest, FREQUENCY_BOUNDS, measures),
        "repetition": {
            "hypotheses": _share_repeating(split.hypotheses),
            "references": _share_repeating(split.targets),
        },
        "copies": _copied(split),
        "variety": {
            "hypotheses": variety(split.hypotheses),
            "references": variety(split.targets),
        },
    }


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split_words(text))
    return counts


def _score_buckets(
    values: NDArray[np.int64], bounds: Sequence[int], measures: dict[str, Measure]
) -> list[dict[str, Any]]:
    """BLEU and chrF of the sentences in each bucket that has any; `high` is the last value in it.

    Scores of a bucket come from its own sums: they are corpus scores, not means.
    """
    buckets = []
    for place, low in enumerate(bounds):
        high = bounds[place + 1] - 1 if place + 1 < len(bounds) else None
        rows = (values >= low) if high is None else (values >= low) & (values <= high)
        if not rows.any():
            continue
        scores = {name: round(measures[name].score(rows), 4) for name in ("bleu", "chrf")}
        exact = round(measures["exact_match"].score(rows), 4)
        buckets.append(
            {"low": low, "high": high, "sentences": int(rows.sum()), **scores, "exact_match": exact}
        )
    return buckets


def repeats(text: str) -> bool:
    """Whether one to four words are said twice in a row: "the dog the dog" does."""
    words = split_words(text)
    return any(
        words[start : start + size] == words[start + size : start + 2 * size]
        for size in range(1, LONGEST_REPETITION + 1)
        for start in range(len(words) - 2 * size + 1)
    )


def _share_repeating(texts: list[str]) -> float:
    return round(100 * sum(map(repeats, texts)) / len(texts), 4)


def variety(texts: Sequence[str]) -> dict[str, Any]:
    """Whether texts say different things: a model of replies may say much the same to everything.

    `distinct_1` and `distinct_2` are the percentages of different words and word pairs among all
    (Li et al. 2016, arXiv 1510.03055), in lower case; `most_frequent` is the text that occurs most
    often, with its percentage; `mean_words` the mean length.
    """
    words = [split_words(text.lower()) for text in texts]
    singles = [word for line in words for word in line]
    pairs = [pair for line in words for pair in pairwise(line)]
    [(text, times)] = Counter(" ".join(text.split()) for text in texts).most_common(1)
    return {
        "distinct_1": _share(len(set(singles)), len(singles)),
        "distinct_2": _share(len(set(pairs)), len(pairs)),
        "most_frequent": {"text": text, "share": _share(times, len(texts))},
        "mean_words": round(len(singles) / len(texts), 4),
    }


def _share(part: int, whole: int) -> float:
    return round(100 * part / max(whole, 1), 4)


def lead_scores(split: SplitTexts) -> dict[str, Any]:
    """ROUGE of the lead baseline, which a summary worth its name beats.

    It is the first words of each source, as many as the references have on average.
    """
    texts = [text for references in split.references for text in references]
    words = max(1, round(sum(len(split_words(text)) for text in texts) / len(texts)))
    leads = [" ".join(split_words(source)[:words]) for source in split.sources]
    best = rouge_measures(leads, split.references)
    mean = rouge_measures(leads, split.references, "mean")
    return {
        "words": words,
        "best": {name: round(measure.score(), 4) for name, measure in best.items()},
        "mean": {name: round(measure.score(), 4) for name, measure in mean.items()},
    }


def _copied(split: SplitTexts) -> dict[str, int]:
    """Names and numbers that the reference takes over from the source, and how many came across.

    A word counts if it has a digit or a capital letter and stands in source and first reference.
    """
    wanted = found = 0
    for source, target, hypothesis in zip(
        split.sources, split.targets, split.hypotheses, strict=True
    ):
        shared = Counter(filter(_is_name_or_number, split_words(source)))
        shared &= Counter(split_words(target))
        wanted += shared.total()
        found += (shared & Counter(split_words(hypothesis))).total()
    return {"in_reference": wanted, "in_hypothesis": found}


def _is_name_or_number(word: str) -> bool:
    return any(letter.isdigit() or letter.isupper() for letter in word)
