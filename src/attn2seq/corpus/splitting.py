"""Dev and test made from train, by source sentence.

Each distinct source gets a number that follows from its text and the seed. The lowest ones are
test, the next ones dev. So all pairs of a source go to one split and none leaks, whatever the order
of the pairs; and nothing but the two limits has to be remembered.
"""

from collections.abc import Iterable

import numpy as np

from attn2seq.corpus.cleaning import text_key
from attn2seq.corpus.entry import MakeSplits, Size
from attn2seq.corpus.readers import Row
from attn2seq.errors import UserError

EVALUATION_SPLITS = ("dev", "test")


class SourceSplitter:
    """Says of each source which split it belongs to."""

    def __init__(self, sources: Iterable[str], sizes: MakeSplits, taken: frozenset[int]) -> None:
        """`sources` are those of train, repeats and all; those whose key is in `taken` stay there.

        Raises UserError where the sources are too few.
        """
        self._seed, self._taken = sizes.seed, taken
        keys = (text_key(source, sizes.seed) for source in sources if text_key(source) not in taken)
        distinct = np.unique(np.fromiter(keys, np.uint64))
        test, dev = (_count(size, len(distinct)) for size in (sizes.test, sizes.dev))
        if test + dev >= len(distinct):
            raise UserError(
                f"make_splits asks for {dev:,} source sentences for dev and {test:,} for test, but "
                f"the corpus has {len(distinct):,} distinct ones, and train needs some too"
            )
        # Keys below the first limit are test, below the second dev.
        self._test_limit, self._dev_limit = int(distinct[test]), int(distinct[test + dev])

    def split_of(self, source: str) -> str:
        """`train`, `dev` or `test`."""
        key = text_key(source, self._seed)
        if key >= self._dev_limit or text_key(source) in self._taken:
            return "train"
        return "test" if key < self._test_limit else "dev"


def merge_sources(rows: Iterable[Row]) -> list[Row]:
    """One row for each source, in order of appearance, with all its distinct targets.

    The rows `Run! Cours !` and `Run! Courez !` become the row `Run! [Cours !, Courez !]`.
    """
    merged: dict[str, Row] = {}
    for row in rows:
        known = merged.setdefault(row.src, Row(row.line, row.src, []))
        known.targets.extend(text for text in row.targets if text not in known.targets)
    return list(merged.values())


def _count(size: Size | None, distinct: int) -> int:
    """`_count(0.1, 250)` gives 25, `_count(40, 250)` gives 40."""
    if size is None:
        return 0
    return size if isinstance(size, int) else max(1, round(size * distinct))
