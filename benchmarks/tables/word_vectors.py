"""Word vectors of Tatoeba's English sentences, to try pretrained vectors with.

Counts of words within five words of each other, as positive pointwise mutual information with
smoothed contexts, cut down by a singular value decomposition: Levy, Goldberg and Dagan 2015.

Shapes: W words, P pairs of words, D width.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from attn2seq.whole import whole_file
from benchmarks.tables.runs import PLACES, Run, prepared

CORPUS, WIDTH = "tatoeba-eng-fra", 128
WINDOW, FEWEST, SMOOTHING, SEED = 5, 3, 0.75, 1
WORD = re.compile(r"\w+|[^\w\s]")


def tatoeba_vectors() -> Path:
    """A file in GloVe's text format, made at the first call; its name has the digest of it."""
    folder = PLACES / "word-vectors"
    for path in folder.glob("*.txt"):
        if path.stem == hashlib.sha256(path.read_bytes()).hexdigest()[:12]:
            return path
    corpus = prepared(Run("word-vectors-corpus", CORPUS, {}))
    texts = pd.read_parquet(corpus / "data" / "prepared" / "train.parquet")["src"]
    words, vectors_WD = word_vectors(texts, WIDTH)
    lines = [
        " ".join([word, *(f"{number:.4f}" for number in row)])
        for word, row in zip(words, vectors_WD, strict=True)
    ]
    content = "\n".join([*lines, ""]).encode()
    path = folder / f"{hashlib.sha256(content).hexdigest()[:12]}.txt"
    with whole_file(path) as beside:
        beside.write_bytes(content)
    return path


def word_vectors(texts: Iterable[str], width: int) -> tuple[Sequence[str], NDArray[np.float32]]:
    """The words in small letters that occur often enough, and `vectors_WD`.

    They are scaled as fresh embeddings are.
    """
    sentences = [WORD.findall(text.lower()) for text in texts]
    counts = Counter(word for sentence in sentences for word in sentence)
    words = [word for word, count in counts.most_common() if count >= FEWEST]
    number = {word: place for place, word in enumerate(words)}
    # One row of all words; between sentences and for rare words stands -1.
    gap = [-1] * WINDOW
    row = np.array(
        [
            place
            for sentence in sentences
            for place in (*(number.get(word, -1) for word in sentence), *gap)
        ]
    )
    found = [(row[:-apart], row[apart:]) for apart in range(1, WINDOW + 1)]
    lefts, rights = (np.concatenate(side) for side in zip(*found, strict=True))
    real = (lefts >= 0) & (rights >= 0)
    lefts, rights = lefts[real], rights[real]
    keys = np.concatenate([lefts * len(words) + rights, rights * len(words) + lefts])
    keys_P, counts_P = np.unique(keys, return_counts=True)
    word_P, context_P = np.divmod(keys_P, len(words))
    words_W = np.bincount(word_P, counts_P, len(words))
    contexts_W = words_W**SMOOTHING
    chance_P = words_W[word_P] * contexts_W[context_P] / contexts_W.sum()
    information_P = np.log(counts_P / chance_P)
    positive = information_P > 0
    matrix = torch.sparse_coo_tensor(
        np.stack([word_P, context_P])[:, positive],
        information_P[positive].astype(np.float32),
        (len(words), len(words)),
        check_invariants=True,
    )
    torch.manual_seed(SEED)
    left_WD, sizes_D, _ = torch.svd_lowrank(matrix, q=width, niter=4)
    vectors_WD = left_WD * sizes_D.sqrt()
    return words, (vectors_WD / vectors_WD.std() * width**-0.5).numpy()
