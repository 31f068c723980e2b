"""Dev and test made from train, by source sentence.

Each distinct source gets a number that follows from its text and the seed. The lowest ones are
test, the next ones dev. So all pairs of a source go to one split and none leaks, whatever the order
of the pairs; and nothing but the two limits has to be remembered.
"""

from collections.abc import Iterable

import numpy as np

from attn2seq.catalogue.entry import MakeSplits, Size
from attn2seq.errors import UserError
from attn2seq.preparing.keys import text_key
from attn2seq.reading.row import Row

EVALUATION_SPLITS = ("dev", "test")


class SourceSplitter:
    """Says of each source which split it belongs to."""

    def __init__(
        self,
        sources: Iterable[str],
        sizes: MakeSplits,
        taken: frozenset[int],
        what: str = "source sentences",
    ) -> None:
        """`sources` are those of train, repeats and all; those whose key is in `taken` stay there.
        `what` they are is for messages: of recordings, the speakers.

        Raises UserError where the sources are too few.
        """
        self._seed, self._taken = sizes.seed, taken
        keys = (text_key(source, sizes.seed) for source in sources if text_key(source) not in taken)
        ordered = np.fromiter(keys, np.uint64)
        ordered.sort()  # in its place: there may be many
        count = len(ordered) - int((ordered[1:] == ordered[:-1]).sum())
        test, dev = (_count(size, count) for size in (sizes.test, sizes.dev))
        if test + dev >= count:
            raise UserError(
                f"make_splits asks for {dev:,} {what} for dev and {test:,} for test, but "
                f"the corpus has {count:,} distinct ones that prepare.max_words and max_characters "
                "let pass, and train needs some too"
            )
        looked_at = test + dev + 1
        while len(lowest := np.unique(ordered[:looked_at])) <= test + dev:
            looked_at *= 2
        # Keys below the first limit are test, below the second dev.
        self._test_limit, self._dev_limit = int(lowest[test]), int(lowest[test + dev])

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
