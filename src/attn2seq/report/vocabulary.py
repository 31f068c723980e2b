"""The page's section on the vocabulary: its size, how texts fare in it, what it cannot write."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn2seq.features.frame_store import read_frame_format
from attn2seq.report.content import Table
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import EOS_ID, UNK_ID, Tokenizer

SIDES = {"src": "Source", "tgt": "Target"}
SPLITS = ("train", "dev", "test")
# Padding, unknown, start and end, which come before all others.
SPECIAL_PIECES = EOS_ID + 1


def vocabulary_table(tokenized: Path, prepared: Path) -> Table:
    """A row per figure, a column per side; words are separated by spaces. Recordings, which have
    no vocabulary, have no column. Raises UserError.

    `tokenized` holds what tokenize wrote, `prepared` the texts of each split.
    """
    sides = list(SIDES) if read_frame_format(tokenized) is None else ["tgt"]
    columns = [_figures(tokenized, prepared, side) for side in sides]
    rows = [(name, [column[name] for column in columns]) for name in columns[0]]
    return Table([SIDES[side] for side in sides], rows)


def is_joint(tokenized: Path) -> bool:
    """Whether both sides have one vocabulary."""
    src, tgt = (tokenized / f"{side}.model" for side in SIDES)
    return src.is_file() and src.read_bytes() == tgt.read_bytes()


def _figures(tokenized: Path, prepared: Path, side: str) -> dict[str, str]:
    size = Tokenizer(tokenized / f"{side}.model").vocabulary_size
    stores = {split: TokenStore(tokenized / f"{split}.{side}") for split in SPLITS}
    counts = {split: _piece_counts(store, size) for split, store in stores.items()}
    texts = {split: _texts(prepared, split, side) for split in SPLITS}
    words = {split: Counter(word for text in texts[split] for word in text.split())
             for split in SPLITS}  # fmt: skip
    tokens = {split: int(counts[split].sum()) for split in SPLITS}
    used = int((counts["train"][SPECIAL_PIECES:] > 0).sum())
    new = sum(count for word, count in words["test"].items() if word not in words["train"])
    return {
        "Pieces": f"{size:,}",
        "Pieces used in train": _share(used, size - SPECIAL_PIECES),
        "Tokens in train": f"{tokens['train']:,}",
        "Tokens in test": f"{tokens['test']:,}",
        "Tokens per word in train": _ratio(tokens["train"], words["train"].total()),
        "Tokens per word in test": _ratio(tokens["test"], words["test"].total()),
        "Characters per token in test": _ratio(sum(map(len, texts["test"])), tokens["test"]),
        "Longest text in train, tokens": f"{int(stores['train'].lengths.max(initial=0)):,}",
        "Unknown tokens in test": _share(int(counts["test"][UNK_ID]), tokens["test"]),
        "Distinct words in train": f"{len(words['train']):,}",
        "Words in test not seen in train": _share(new, words["test"].total()),
    }


def _piece_counts(store: TokenStore, size: int) -> NDArray[np.int64]:
    """How often each piece stands in the sequences."""
    counts = np.zeros(size, np.int64)
    for start in range(0, len(store), 10_000):
        some = [store[index] for index in range(start, min(start + 10_000, len(store)))]
        counts += np.bincount(np.concatenate(some), minlength=size)
    return counts


def _texts(prepared: Path, split: str, side: str) -> list[str]:
    texts: list[str] = pd.read_parquet(prepared / f"{split}.parquet", columns=[side])[side].tolist()
    return texts


def _ratio(number: int, base: int) -> str:
    return f"{number / base:.2f}" if base else "–"


def _share(count: int, base: int) -> str:
    """`_share(3, 400)` gives `3 (0.8%)`, `_share(0, 400)` gives `0`."""
    return f"{count:,} ({100 * count / base:.1f}%)" if count else "0"
