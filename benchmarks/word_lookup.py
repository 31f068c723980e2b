"""How far does a look-up get on a corpus that replaces each source word by itself?

Each source word gives its most frequent counterpart, in the source's order; no grammar. Two ways
to find counterparts in train: by the strongest co-occurrence (Dice), and by word alignment (IBM
model 1, Brown et al. 1993), where a word that is mostly aligned with nothing is left out. A word
that train does not have is copied.

    PYTHONPATH=src python -m benchmarks.word_lookup                   # phrasebook-en-de, made anew
    PYTHONPATH=src python -m benchmarks.word_lookup --raw data/raw    # as downloaded
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics import BLEU

from attn2seq.catalogue.catalogue import read_catalogue_entry, read_raw_entry
from attn2seq.phrasebook.phrasebook import generate_phrasebook
from attn2seq.reading.readers import read_rows

CATALOGUE = Path("data/catalogue")
CORPUS = "phrasebook-en-de"
ITERATIONS = 10
# A word with fewer counterparts than this each time it occurs is left out.
LEAST_COUNTERPARTS = 0.5
TOKEN = re.compile(r"\w+(?='s\b)|'s\b|\w+(?:['-]\w+)*|[^\s\w]")
MARK = re.compile(r" ([.,?!])")

Pairs = Sequence[tuple[str, str]]
Table = dict[str, str]


@dataclass(frozen=True)
class Cooccurrence:
    """Which words stand in the same pair of sentences.

    `link_source` and `link_target` give the words of each distinct couple; `couple` and `slot`
    have an item for each source word beside each target word of a pair: the couple, and the number
    of the target word in the running text.
    """

    sources: list[str]
    targets: list[str]
    link_source: npt.NDArray[np.int64]
    link_target: npt.NDArray[np.int64]
    couple: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]


class Tokens:
    """Cuts one language's sentences into words and marks, the first word as within a sentence."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._inside = Counter(word for text in texts for word in TOKEN.findall(text)[1:])

    def __call__(self, text: str) -> list[str]:
        first, *rest = TOKEN.findall(text)
        lower = first.lower()
        return [lower if self._inside[lower] >= self._inside[first] else first, *rest]


def read_pairs(raw: Path | None) -> dict[str, Pairs]:
    """The pairs of train and test, from the raw files or made anew. Raises UserError."""
    if raw is None:
        generator = read_catalogue_entry(CATALOGUE, CORPUS).generator
        assert generator is not None
        sizes = {"train": generator.train, "dev": generator.dev, "test": generator.test}
        return dict(generate_phrasebook(generator.seed, sizes))
    entry = read_raw_entry(raw)
    return {
        split: [(row.src, row.targets[0]) for row in read_rows(raw, entry, split)]
        for split in ("train", "test")
    }


def cooccurrence(pairs: Sequence[tuple[list[str], list[str]]]) -> Cooccurrence:
    """Count the words of both sides; source word 0 is nothing, and stands in every pair."""
    source_ids: dict[str, int] = {"": 0}
    target_ids: dict[str, int] = {}
    couples: dict[tuple[int, int], int] = {}
    couple: list[int] = []
    slot: list[int] = []
    slots = 0
    for source, target in pairs:
        rows = [0, *(source_ids.setdefault(word, len(source_ids)) for word in source)]
        for word in target:
            column = target_ids.setdefault(word, len(target_ids))
            couple += [couples.setdefault((row, column), len(couples)) for row in rows]
            slot += [slots] * len(rows)
            slots += 1
    links = np.array(list(couples), dtype=np.int64)
    return Cooccurrence(
        list(source_ids),
        list(target_ids),
        links[:, 0],
        links[:, 1],
        np.array(couple),
        np.array(slot),
    )


def by_dice(pairs: Sequence[tuple[list[str], list[str]]], seen: Cooccurrence) -> Table:
    """The target word with the highest Dice coefficient, 2 |both| / (|source| + |target|)."""
    source_count = Counter(word for source, _ in pairs for word in source)
    target_count = Counter(word for _, target in pairs for word in target)
    both = np.bincount(seen.couple, minlength=len(seen.link_source)).astype(np.float64)
    rows = np.array([source_count[word] for word in seen.sources])[seen.link_source]
    columns = np.array([target_count[word] for word in seen.targets])[seen.link_target]
    return _best(seen, 2 * both / (rows + columns))


def by_alignment(pairs: Sequence[tuple[list[str], list[str]]], seen: Cooccurrence) -> Table:
    """The target word with the most expected alignments under IBM model 1; "" for left out."""
    chances = np.ones(len(seen.link_source))
    for _ in range(ITERATIONS):
        share = chances[seen.couple]
        share /= np.bincount(seen.slot, weights=share)[seen.slot]
        links = np.bincount(seen.couple, weights=share, minlength=len(chances))
        expected = links.astype(np.float64)
        totals = np.bincount(seen.link_source, weights=expected)
        chances = expected / totals[seen.link_source]
    occurrences = Counter(word for source, _ in pairs for word in source)
    table = _best(seen, expected)
    for word, total in zip(seen.sources, totals, strict=True):
        if word and total < LEAST_COUNTERPARTS * occurrences[word]:
            table[word] = ""
    return table


def _best(seen: Cooccurrence, strength: npt.NDArray[np.float64]) -> Table:
    """For each source word the target word of the strongest link; the first one of equals."""
    order = np.lexsort((np.arange(len(strength)), -strength, seen.link_source))
    rows, first = np.unique(seen.link_source[order], return_index=True)
    best = seen.link_target[order][first]
    return {seen.sources[row]: seen.targets[column] for row, column in zip(rows, best, strict=True)}


def translate(words: Sequence[str], table: Table) -> str:
    """Word by word, marks glued to the word before: `["the", "."]` -> `Der.`"""
    found = [table.get(word, word) for word in words]
    sentence = MARK.sub(r"\1", " ".join(word for word in found if word))
    return sentence[:1].upper() + sentence[1:]


def main() -> None:
    """Print the BLEU of both look-ups on test."""
    parser = argparse.ArgumentParser(description="BLEU of a word-by-word look-up.")
    parser.add_argument("--raw", type=Path, help="folder of raw files; default: make the corpus")
    pairs = read_pairs(parser.parse_args().raw)
    cut_source = Tokens([source for source, _ in pairs["train"]])
    cut_target = Tokens([target for _, target in pairs["train"]])
    train = [(cut_source(source), cut_target(target)) for source, target in pairs["train"]]
    seen = cooccurrence(train)
    references = [[target for _, target in pairs["test"]]]
    print(f"{len(train):,} pairs of train, {len(pairs['test']):,} of test\n")
    print("| counterpart of a word | BLEU |\n|---|---:|")
    metric = BLEU()
    tables = {
        "strongest co-occurrence (Dice)": by_dice(train, seen),
        "most frequent alignment (IBM model 1)": by_alignment(train, seen),
    }
    for name, table in tables.items():
        hypotheses = [translate(cut_source(source), table) for source, _ in pairs["test"]]
        print(f"| {name} | {metric.corpus_score(hypotheses, references).score:.1f} |")
    print(f"\n{metric.get_signature()}")


if __name__ == "__main__":
    main()
