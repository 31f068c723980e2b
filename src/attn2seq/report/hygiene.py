"""The page's section on the data: what prepare counted, why it matters, and what stands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SPLITS = ("train", "dev", "test")
# A longest text this many times as long as 99 of 100 texts stands out.
LONG_FACTOR = 4


@dataclass(frozen=True)
class Finding:
    """One figure of prepare: `name` there, what its share is of, the share that stands out."""

    name: str
    label: str
    why: str
    of: str
    limit: float | None
    """In percent; None where the figure is no fault whatever it is."""


FINDINGS = (
    Finding("sources_in_train", "Sources that also occur in train",
            "A model may have memorised these, which inflates the scores.", "rows", 1),
    Finding("pairs_in_train", "Pairs that also occur in train",
            "The same, target included.", "rows", 1),
    Finding("sources_in_train_before_filters", "Sources in train before filtering",
            "The difference from the first line is what prepare removed from train.", "rows", None),
    Finding("repeated_pairs", "Repeated pairs",
            "They count more than once, in the loss and in the scores.", "rows", 1),
    Finding("repeated_sources", "Repeated sources",
            "The split has fewer distinct sources than rows.", "rows", 10),
    Finding("sources_with_several_targets", "Sources with several targets",
            "A model cannot know which one is wanted; dev and test should list them all as "
            "references.", "sources", 10),
    Finding("length_ratio_outliers", "Pairs with mismatched lengths",
            "One side is three times as long as the other would suggest: often the two do not "
            "belong together, or one is truncated.", "rows", 1),
    Finding("source_equals_target", "Targets equal to their source",
            "Often left untranslated: a model learns to copy.", "rows", 1),
    Finding("texts_wrongly_decoded", "Texts with encoding errors",
            "Such as Ã¼ for ü: a model learns these characters, and no score shows it.",
            "texts_read", 0.1),
    Finding("texts_with_control_characters", "Texts with control characters",
            "Prepare removes them; many of them suggest that a file was produced incorrectly.",
            "texts_read", 0.1),
    Finding("texts_changed_by_unicode_form", "Texts in another Unicode form",
            "Prepare converts all texts to one form, so that one character is one token.",
            "texts_read", None),
)  # fmt: skip
OF_RECORDINGS = (
    Finding("targets_in_train", "Transcripts that also occur in train",
            "What is said, not the recording: a model may know the words by heart.", "rows", 1),
    Finding("speakers_in_train", "Speakers who also speak in train",
            "A model knows their voices, so the scores say little of strangers.", "speakers", 1),
)  # fmt: skip
LENGTHS = {
    "src_words": "Source, words",
    "src_characters": "Source, characters",
    "tgt_words": "Target, words",
    "tgt_characters": "Target, characters",
}


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and whether it is marked."""

    text: str
    marked: bool


@dataclass(frozen=True)
class Line:
    """A figure of each split; a cell is None where it has no meaning."""

    label: str
    why: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class DataTables:
    """What was counted, and how long the texts are."""

    splits: tuple[str, ...]
    findings: list[Line]
    lengths: list[Line]


def data_tables(hygiene: Mapping[str, Mapping[str, Any]]) -> DataTables | None:
    """The tables of what prepare wrote under `hygiene`; None where it wrote nothing."""
    if not hygiene:
        return None
    splits = [hygiene[split] for split in SPLITS]
    findings = [
        Line(found.label, _reason(found), [_count_cell(found, figures) for figures in splits])
        for found in (*FINDINGS, *(OF_RECORDINGS if "speakers" in splits[0] else ()))
    ]
    lengths = [
        Line(label, "", [_length_cell(figures[name]) for figures in splits])
        for name, label in LENGTHS.items()
        if name in splits[0]
    ]
    return DataTables(SPLITS, findings, lengths)


def share(count: int, base: int) -> str:
    """`share(94, 448)` gives `21.0%`, `share(1, 58000)` gives `<0.1%`."""
    percent = 100 * count / max(base, 1)
    return "<0.1%" if 0 < percent < 0.05 else f"{percent:.1f}%"


def _reason(found: Finding) -> str:
    return found.why if found.limit is None else f"{found.why} Marked from {found.limit:g}%."


def _count_cell(found: Finding, figures: Mapping[str, Any]) -> Cell | None:
    count = figures.get(found.name)
    if count is None:
        return None
    base = figures["rows"] - figures["repeated_sources"]
    if found.of != "sources":
        base = figures[found.of]
    marked = found.limit is not None and count > 0 and 100 * count >= found.limit * base
    return Cell(f"{count:,} ({share(count, base)})" if count else "0", marked)


def _length_cell(figures: Mapping[str, int]) -> Cell:
    usual, longest = figures["percentile_99"], figures["longest"]
    return Cell(f"{usual:,} / {longest:,}", longest >= LONG_FACTOR * usual)
