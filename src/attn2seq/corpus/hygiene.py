"""What one should know of a corpus before one believes its scores: overlap, repeats, outliers.

Counted while the rows go by: what is remembered is 64 bits a text, and how often each length was
seen. Nothing here changes a row.
"""

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attn2seq.corpus.cleaning import has_controls, in_unicode_form, pair_key, text_key
from attn2seq.corpus.readers import Row
from attn2seq.corpus.settings import UnicodeForm

Keys = NDArray[np.uint64]
Figures = dict[str, Any]

# A pair is an outlier whose ratio of lengths, in characters, is this many times the median ratio.
OUTLIER_FACTOR = 3
# Added to both lengths, since short texts vary more.
_SHORT_CHARACTERS = 10
# Ratios are counted by their logarithm, in steps of two percent.
_STEPS_PER_OCTAVE = 32
_BATCH_ROWS = 20_000

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


@dataclass
class Encodings:
    """Texts as they were read, both sides of a pair, and those that cleaning had to mend.

    A text that looks wrongly decoded is counted, and not mended: its file needs another look.
    """

    texts_read: int = 0
    texts_wrongly_decoded: int = 0
    texts_with_control_characters: int = 0
    texts_changed_by_unicode_form: int = 0

    def add(self, text: str, clean: str, form: UnicodeForm) -> None:
        """Count one text; `clean` is what `normalise_text` makes of it."""
        self.texts_read += 1
        if text != clean:
            self.texts_with_control_characters += has_controls(text)
            self.texts_changed_by_unicode_form += in_unicode_form(text, form) != text
        if not text.isascii():
            self.texts_wrongly_decoded += looks_wrongly_decoded(text)


class Overlap:
    """Which rows of dev and test stand in train, before its filters and after them."""

    def __init__(self, tables: Mapping[str, Iterable[Row]]) -> None:
        """`tables` holds the rows of dev and test; each of their references makes a pair."""
        self._rows = {
            split: [
                (text_key(row.src), [pair_key(row.src, tgt) for tgt in row.targets]) for row in rows
            ]
            for split, rows in tables.items()
        }
        self._sources = {source for rows in self._rows.values() for source, _ in rows}
        self._met: set[int] = set()

    def meet(self, src: str, tgt: str) -> None:
        """Take note of a pair of train that the filters have not seen yet."""
        key = text_key(src)
        if key in self._sources:
            self._met |= {key, pair_key(src, tgt)}

    def figures(self, split: str, train: "Table") -> Figures:
        """Rows of dev or test whose source, or whose pair with one of its references, train has.

        `train` is the table that was written; percentages are of the rows of dev or test.
        """
        rows = self._rows[split]
        keys = {key for source, pairs in rows for key in (source, *pairs)}
        written = _in_both(keys, train.sources) | _in_both(keys, train.pairs)
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
    """The keys and figures of a table that was written."""

    def __init__(self, path: Path) -> None:
        """Reads the file a batch of rows at a time."""
        sources, pair_sources, pairs = array("Q"), array("Q"), array("Q")
        lengths: dict[str, Counter[int]] = {}
        ratios: Counter[int] = Counter()
        self.rows = self._equal = 0
        for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS):
            columns = batch.to_pydict()
            self.rows += batch.num_rows
            self._equal += sum(map(str.__eq__, columns["src"], columns["tgt"]))
            keys = [text_key(src) for src in columns["src"]]
            sources.extend(keys)
            targets = columns.get("refs") or [[tgt] for tgt in columns["tgt"]]
            for key, src, several in zip(keys, columns["src"], targets, strict=True):
                pairs.extend(pair_key(src, tgt) for tgt in several)
                pair_sources.extend([key] * len(several))
            measured = _lengths(batch)
            for name, values in measured.items():
                lengths.setdefault(name, Counter()).update(values.tolist())
            ratios.update(_ratio_steps(measured).tolist())
        self.sources, self.pairs = _keys(sources), _keys(pairs)
        self._pair_sources, self._lengths, self._ratios = _keys(pair_sources), lengths, ratios

    def figures(self) -> Figures:
        """Rows and texts of the table, counted; lengths in words between spaces and characters."""
        distinct, places = np.unique(self.pairs, return_index=True)
        _, targets = np.unique(self._pair_sources[places], return_counts=True)
        return {
            "rows": self.rows,
            "repeated_pairs": len(self.pairs) - len(distinct),
            "repeated_sources": self.rows - len(targets),
            "sources_with_several_targets": int((targets > 1).sum()),
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
    train = Table(folder / "train.parquet")
    for split in ("train", "dev", "test"):
        table = train if split == "train" else Table(folder / f"{split}.parquet")
        found[split] = table.figures()
        if split != "train":
            found[split] |= overlap.figures(split, train)
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
    return _SUSPECT.search(text) is not None and _MISREAD.search(text) is not None


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


def _keys(values: "array[int]") -> Keys:
    return np.frombuffer(values, np.uint64)


def _in_both(wanted: set[int], keys: Keys) -> set[int]:
    few = np.fromiter(wanted, np.uint64, len(wanted))
    return set(np.intersect1d(few, keys).tolist())
