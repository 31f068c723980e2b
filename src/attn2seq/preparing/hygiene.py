"""What one should know of a corpus before one believes its scores: overlap, repeats, outliers.

Counted while the rows go by: what is remembered is how often each length was seen, and, on the
disk, 64 bits for each source and pair. Nothing here changes a row.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from attn2seq.preparing.cleaning import has_controls, in_unicode_form
from attn2seq.preparing.key_buckets import KeyBuckets
from attn2seq.preparing.keys import pair_keys, text_keys
from attn2seq.preparing.settings import UnicodeForm
from attn2seq.reading.row import Row
from attn2seq.reading.tables import read_batches

Figures = dict[str, Any]

# A pair is an outlier whose ratio of lengths, in characters, is this many times the median ratio.
OUTLIER_FACTOR = 3
# Added to both lengths, since short texts vary more.
_SHORT_CHARACTERS = 10
# Ratios are counted by their logarithm, in steps of two percent.
_STEPS_PER_OCTAVE = 32

# What the second and later bytes of a character in UTF-8 become in Latin-1 or Windows-1252.
_LATER = "".join(chr(byte) + bytes([byte]).decode("cp1252", "ignore") for byte in range(128, 192))
# UTF-8 read as one of these: `Ã¼` for `ü`, `â€™` for `’`, `Ð´Ð°` for `да`, `æˆ‘ä»¬` for `我们`,
# `ðŸ˜€` for an emoji. One alone can be sound (`Spaß“`) where its first character is none of the
# first two here; so two in a row are asked for.
_MISREAD = re.compile(
    rf"[ÂÃ][{_LATER}]|â[€\x80][{_LATER}]|(?:[Ä-ß][{_LATER}]){{2}}|(?:[à-ï][{_LATER}]{{2}}){{2}}"
    r"|ð[Ÿ\x9f]|ï»¿"
)
# What all of these hold, and sound texts seldom: ten times as quick.
_SUSPECT = re.compile(f"[Â-ð][{_LATER}]")
# The bytes of Latin-1 that stand in none of them second: as quick again, for most languages of
# Europe.
_EARLIER = bytes({*range(256)} - {*range(128, 192)})


@dataclass
class Encodings:
    """Texts as they were read, both sides of a pair, and those that cleaning had to mend.

    A text that looks wrongly decoded is counted, and not mended: its file needs another look.
    """

    texts_read: int = 0
    texts_wrongly_decoded: int = 0
    texts_with_control_characters: int = 0
    texts_changed_by_unicode_form: int = 0

    def add(self, texts: Sequence[str], clean: Sequence[str], form: UnicodeForm) -> None:
        """Count texts; `clean` is what `normalise_texts` makes of them."""
        self.texts_read += len(texts)
        for text, mended in zip(texts, clean, strict=True):
            if text is not mended and text != mended:
                self.texts_with_control_characters += has_controls(text)
                self.texts_changed_by_unicode_form += in_unicode_form(text, form) != text
        # No sign of it goes over the end of a text, so that all can be asked at once.
        block = "\n".join(texts)
        if not block.isascii() and may_be_wrongly_decoded(block):
            self.texts_wrongly_decoded += sum(map(looks_wrongly_decoded, texts))


class Overlap:
    """Which rows of dev and test stand in train, before its filters and after them."""

    def __init__(self, tables: Mapping[str, Collection[Row]]) -> None:
        """`tables` holds the rows of dev and test; each of their references makes a pair."""
        self._rows = {
            split: [
                (source, pair_keys((row.src, tgt) for tgt in row.targets).tolist())
                for row, source in zip(
                    rows, text_keys(row.src for row in rows).tolist(), strict=True
                )
            ]
            for split, rows in tables.items()
        }
        self._sources = {row.src for rows in tables.values() for row in rows}
        self._met: set[int] = set()
        self.keys = {
            key
            for rows in self._rows.values()
            for source, pairs in rows
            for key in (source, *pairs)
        }
        """Of all sources and pairs of dev and test."""

    def meet(self, src: str, tgt: str) -> None:
        """Take note of a pair of train that the filters have not seen yet."""
        if src in self._sources:
            self._met |= {*text_keys([src]).tolist(), *pair_keys([(src, tgt)]).tolist()}

    def figures(self, split: str, written: Set[int]) -> Figures:
        """Rows of dev or test whose source, or whose pair with one of its references, train has.

        `written` holds those of our keys that the table of train has; percentages are of the rows
        of dev or test.
        """
        rows = self._rows[split]
        figures: Figures = {}
        for suffix, known in (("", written), ("_before_filters", self._met)):
            counts = {
                "sources_in_train": sum(source in known for source, _ in rows),
                "pairs_in_train": sum(not known.isdisjoint(pairs) for _, pairs in rows),
            }
            for name, count in counts.items():
                figures[f"{name}{suffix}"] = count
                figures[f"{name}{suffix}_percent"] = round(100 * count / len(rows), 4)
        return figures


class Table:
    """The figures of a table that was written."""

    def __init__(self, path: Path, wanted: Set[int] = frozenset()) -> None:
        """Reads the file a batch of rows at a time.

        `wanted` holds keys of sources and pairs; those that the table has are kept in `known`.
        """
        lengths: dict[str, Counter[int]] = {}
        ratios: Counter[int] = Counter()
        self.rows = self._equal = 0
        self.known: set[int] = set()
        with TemporaryDirectory(dir=path.parent, prefix=".keys-") as name:
            buckets = KeyBuckets(Path(name))
            for batch in read_batches(path):
                self.rows += batch.num_rows
                self._equal += pc.sum(pc.equal(batch["src"], batch["tgt"])).as_py()
                pairs = _pairs(batch)
                keys = np.stack([text_keys(src for src, _ in pairs), pair_keys(pairs)], axis=1)
                self.known |= wanted & set(keys.ravel().tolist()) if wanted else wanted
                buckets.add(keys)
                measured = _lengths(batch)
                for side, values in measured.items():
                    lengths.setdefault(side, Counter()).update(values.tolist())
                ratios.update(_ratio_steps(measured).tolist())
            self._repeats = buckets.repeats()
        self._lengths, self._ratios = lengths, ratios

    def figures(self) -> Figures:
        """Rows and texts of the table, counted; lengths in words between spaces and characters."""
        return {
            "rows": self.rows,
            "repeated_pairs": self._repeats.pairs,
            "repeated_sources": self.rows - self._repeats.distinct_sources,
            "sources_with_several_targets": self._repeats.sources_with_several_targets,
            "source_equals_target": self._equal,
            "length_ratio_outliers": _outliers(self._ratios),
            **{
                name: {"percentile_99": percentile(seen, 99), "longest": max(seen)}
                for name, seen in self._lengths.items()
            },
        }


def hygiene_figures(
    folder: Path, overlap: Overlap, encodings: Mapping[str, Encodings]
) -> dict[str, Figures]:
    """The figures of each split whose table lies in `folder`, by name; all are numbers.

    `encodings` holds the splits that have files of their own.
    """
    found = {}
    train = Table(folder / "train.parquet", overlap.keys)
    for split in ("train", "dev", "test"):
        table = train if split == "train" else Table(folder / f"{split}.parquet")
        found[split] = table.figures()
        if split != "train":
            found[split] |= overlap.figures(split, train.known)
        if split in encodings:
            found[split] |= asdict(encodings[split])
    return found


def percentile(seen: Mapping[int, int], percent: int) -> int:
    """The smallest value that so many percent of all do not exceed.

    `seen` says how often each value was seen: `percentile({2: 98, 7: 1, 9: 1}, 99)` gives 7.
    """
    wanted, below = sum(seen.values()) * percent, 0
    for value in sorted(seen):
        below += seen[value]
        if 100 * below >= wanted:
            return value
    raise AssertionError("nothing was seen")


def looks_wrongly_decoded(text: str) -> bool:
    """Whether it holds the replacement character, or UTF-8 that was read as Latin-1."""
    if "\ufffd" in text:
        return True
    return may_be_wrongly_decoded(text) and _MISREAD.search(text) is not None


def may_be_wrongly_decoded(text: str) -> bool:
    """A quick look, which finds all that `looks_wrongly_decoded` does, and more."""
    try:
        if not text.encode("latin-1").translate(None, _EARLIER):
            return False
    except UnicodeEncodeError:
        pass
    return "\ufffd" in text or _SUSPECT.search(text) is not None


def _pairs(batch: Any) -> list[tuple[str, str]]:
    """Each source with each of its references."""
    sources = batch["src"].to_pylist()
    if "refs" not in batch.schema.names:
        return list(zip(sources, batch["tgt"].to_pylist(), strict=True))
    references = zip(sources, batch["refs"].to_pylist(), strict=True)
    return [(src, tgt) for src, several in references for tgt in several]


def _lengths(batch: Any) -> dict[str, NDArray[np.int64]]:
    """By side and unit, the length of each text of a batch of a table."""
    found = {}
    for side in ("src", "tgt"):
        texts = batch.column(side)
        found[f"{side}_words"] = pc.count_substring(texts, " ").to_numpy() + 1
        found[f"{side}_characters"] = pc.utf8_length(texts).to_numpy()
    return found


def _ratio_steps(lengths: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    src, tgt = (lengths[f"{side}_characters"] + _SHORT_CHARACTERS for side in ("src", "tgt"))
    steps: NDArray[np.float64] = np.rint(_STEPS_PER_OCTAVE * np.log2(src / tgt))
    return steps.astype(np.int64)


def _outliers(ratios: Mapping[int, int]) -> int:
    median = percentile(ratios, 50)
    limit = _STEPS_PER_OCTAVE * math.log2(OUTLIER_FACTOR)
    return sum(count for ratio, count in ratios.items() if abs(ratio - median) > limit)
