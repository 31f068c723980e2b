"""The embedded corpus phrasebook-en-de: sentence pairs from a grammar written for this project.

`python -m attn2seq.phrasebook.phrasebook --seed 1 --count 100` prints pairs to read.
"""

import argparse
import random
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.phrasebook.derivation import Sample, Sampler
from attn2seq.phrasebook.grammar import GrammarError, load_grammar
from attn2seq.phrasebook.rules import Grammar

DATA = Path(__file__).parent / "data"
# Words of a sentence, on either side.
SHORTEST, LONGEST = 3, 25
# Of the test sentences, line by line: every fifth has a held-out pair of rules, every twentieth
# (beside those) a name that train never has.
COMBINED_EVERY, NEW_NAME_EVERY = 5, 20
# Pairs drawn for one that is kept, before the grammar is called too small for the corpus.
PATIENCE = 20_000


@cache
def phrasebook_grammar() -> Grammar:
    """The grammar and lexicon that stand beside this module. Raises GrammarError."""
    return load_grammar(DATA)


def generate_phrasebook(seed: int, sizes: Mapping[str, int]) -> dict[str, list[tuple[str, str]]]:
    """Distinct (English, German) pairs for each split; the same seed gives the same bytes.

    `sizes` gives the pairs of train, dev and test. No source sentence stands in two splits; a
    split does not depend on the size of one that is drawn after it (test, dev, train). Raises
    UserError where a split is unknown, or the grammar cannot make so many.
    """
    samples = generate_samples(phrasebook_grammar(), seed, sizes)
    return {split: [(sample.en, sample.de) for sample in rows] for split, rows in samples.items()}


def generate_samples(
    grammar: Grammar, seed: int, sizes: Mapping[str, int]
) -> dict[str, list[Sample]]:
    """As `generate_phrasebook`, with the rules that made each pair."""
    unknown = [split for split in sizes if split not in ("train", "dev", "test")]
    if unknown:
        raise UserError(f"phrasebook: unknown split {unknown[0]} (known: train, dev, test)")
    targets: dict[str, str] = {}
    splits: dict[str, list[Sample]] = {}
    for split in ("test", "dev", "train"):
        if split in sizes:
            fresh = _Draws(grammar, f"{seed} {split}", targets)
            splits[split] = [
                next(fresh.wanted(_is_combined(split, i), _has_new_name(split, i)))
                for i in range(sizes[split])
            ]
    return {split: splits[split] for split in sizes}


def _is_combined(split: str, line: int) -> bool:
    return split == "test" and line % COMBINED_EVERY == COMBINED_EVERY - 1


def _has_new_name(split: str, line: int) -> bool:
    return split == "test" and line % NEW_NAME_EVERY == 0


class _Draws:
    """Samples of one split that no split has had, by the kind that is wanted."""

    def __init__(self, grammar: Grammar, seed: str, targets: dict[str, str]) -> None:
        self._grammar = grammar
        self._targets = targets
        rng = random.Random(seed)
        self._known = Sampler(grammar, rng)
        self._new = Sampler(grammar, rng, new_names=True)

    def wanted(self, combined: bool, new_name: bool) -> Iterator[Sample]:
        """Pairs with or without a held-out pair of rules, with or without a new name."""
        sampler = self._new if new_name else self._known
        for _ in range(PATIENCE):
            sample = sampler.draw()
            if bool(sample.links & self._grammar.held_out) != combined:
                continue
            if sample.new_name == new_name and self._is_fresh(sample):
                yield sample
        raise GrammarError(
            f"the phrasebook's grammar made no new sentence in {PATIENCE} attempts: "
            "ask for fewer pairs, or add words and rules"
        )

    def _is_fresh(self, sample: Sample) -> bool:
        target = self._targets.get(sample.en)
        if target is not None and target != sample.de:
            raise GrammarError(
                f"two targets for one source: {sample.en!r} -> {target!r} and {sample.de!r}"
            )
        lengths = len(sample.en.split()), len(sample.de.split())
        if target is not None or min(lengths) < SHORTEST or max(lengths) > LONGEST:
            return False
        self._targets[sample.en] = sample.de
        return True


def main() -> None:
    """Print pairs, for reading."""
    parser = argparse.ArgumentParser(description="Draw sentence pairs from the phrasebook.")
    parser.add_argument("--seed", type=int, required=True, help="seed of the draw")
    parser.add_argument("--count", type=int, default=100, help="number of pairs")
    arguments = parser.parse_args()
    pairs = generate_phrasebook(arguments.seed, {"train": arguments.count})["train"]
    for number, (en, de) in enumerate(pairs, 1):
        print(f"{number:3} {en}\n    {de}")


if __name__ == "__main__":
    main()
