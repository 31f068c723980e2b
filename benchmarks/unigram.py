"""The perplexity of a unigram model on the workspace's corpus: what a model of contexts must beat.

Each piece of a target, and its end, has the probability that its frequency in train gives it, with
one occurrence added to every piece. Run after `make repro`, or at least its stage tokenize; the
stage evaluate gives the trained model's perplexity of the same pieces.

    PYTHONPATH=src python -m benchmarks.unigram
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer


def main(folder: Path) -> None:
    vocabulary_size = Tokenizer(folder / "tgt.model").vocabulary_size
    counts = counted(folder / "train.tgt", vocabulary_size)
    for split in ("dev", "test"):
        found = perplexity(counts, counted(folder / f"{split}.tgt", vocabulary_size))
        print(f"{split:4}  {found:,.1f}")


def counted(path: Path, vocabulary_size: int) -> NDArray[np.int64]:
    """How often each piece stands in the texts, and after the last one how often a text ends."""
    store = TokenStore(path)
    counts = np.zeros(vocabulary_size + 1, np.int64)
    for place in range(len(store)):
        counts[:-1] += np.bincount(store[place], minlength=vocabulary_size)
    counts[-1] = len(store)
    return counts


def perplexity(train: NDArray[np.int64], texts: NDArray[np.int64]) -> float:
    """Of texts, by the counts of their pieces and those of train."""
    nats = -np.log((train + 1) / (train + 1).sum())
    return float(np.exp((nats * texts).sum() / texts.sum()))


if __name__ == "__main__":
    main(Path("data/tokenized"))
