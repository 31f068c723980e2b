"""The section on the data: shares, what is marked, and what is left blank."""

import re
from pathlib import Path
from typing import Any

import pytest
from fabricated_results import PARAMS, fabricate

from attn2seq.preparing.hygiene import Encodings, Overlap, hygiene_figures
from attn2seq.reading.row import Row
from attn2seq.reading.tables import write_table
from attn2seq.report.hygiene import FINDINGS, LENGTHS, Cell, data_tables, share
from attn2seq.report.page import render_report
from attn2seq.report.settings import ReportSettings

LENGTH = {"percentile_99": 10, "longest": 39}
FIGURES: dict[str, Any] = {
    "rows": 200, "repeated_pairs": 2, "repeated_sources": 100, "sources_with_several_targets": 9,
    "length_ratio_outliers": 1, "source_equals_target": 0, **dict.fromkeys(LENGTHS, LENGTH),
}  # fmt: skip


def cell(hygiene: dict[str, Any], name: str, split: int) -> Cell | None:
    tables = data_tables(hygiene)
    assert tables is not None
    place = [found.name for found in FINDINGS].index(name)
    return tables.findings[place].cells[split]


def of_all_splits(**changes: Any) -> dict[str, Any]:
    return dict.fromkeys(("train", "dev", "test"), FIGURES | changes)


def test_a_share_at_its_limit_is_marked_and_one_below_is_not() -> None:
    found = of_all_splits()
    assert cell(found, "repeated_pairs", 0) == Cell("2 (1.0%)", True)
    assert cell(found, "length_ratio_outliers", 0) == Cell("1 (0.5%)", False)
    # Of 100 different sources, not of 200 rows.
    assert cell(found, "sources_with_several_targets", 2) == Cell("9 (9.0%)", False)
    assert cell(of_all_splits(sources_with_several_targets=10), "sources_with_several_targets", 0)
    assert cell(found, "source_equals_target", 0) == Cell("0", False)


def test_what_has_no_meaning_in_a_split_is_left_blank() -> None:
    assert cell(of_all_splits(), "sources_in_train", 0) is None
    assert cell(of_all_splits(), "texts_wrongly_decoded", 1) is None


def test_a_longest_text_far_from_the_others_is_marked() -> None:
    for longest, marked in ((39, False), (40, True)):
        tables = data_tables(of_all_splits(src_words={"percentile_99": 10, "longest": longest}))
        assert tables is not None
        assert tables.lengths[0].cells[0] == Cell(f"10 / {longest}", marked)


@pytest.mark.parametrize(
    ("count", "base", "text"),
    [
        (94, 448, "21.0%"),
        (1, 58_000, "<0.1%"),
        (1, 1_000, "0.1%"),
        (3, 3, "100.0%"),
        (0, 5, "0.0%"),
    ],
)
def test_shares(count: int, base: int, text: str) -> None:
    assert share(count, base) == text


def test_every_figure_that_is_shown_is_one_that_prepare_writes(tmp_path: Path) -> None:
    rows = [Row(1, "a", ["b"])]
    for split in ("train", "dev", "test"):
        write_table(tmp_path / f"{split}.parquet", rows)
    splits = ("train", "dev", "test")
    figures = hygiene_figures(tmp_path, Overlap({"dev": rows, "test": rows}),
                              {split: Encodings(2) for split in splits})  # fmt: skip
    for name in [found.name for found in FINDINGS] + list(LENGTHS):
        assert name in figures["test"]
    assert data_tables(figures)


def test_what_only_recordings_have_is_shown_of_these_alone() -> None:
    counted = of_all_splits()
    tables = data_tables(counted)
    assert tables is not None
    assert len(tables.findings) == len(FINDINGS)
    spoken = {"speakers": 4, "speakers_in_train": 1, "targets_in_train": 20}
    counted = {
        split: {key: value for key, value in figures.items() if not key.startswith("src_")} | spoken
        for split, figures in counted.items()
    }
    tables = data_tables(counted)
    assert tables is not None
    found = {line.label: line.cells[2] for line in tables.findings}
    assert found["Speakers who also speak in train"] == Cell("1 (25.0%)", True)
    assert found["Transcripts that also occur in train"] == Cell("20 (10.0%)", True)
    assert [line.label for line in tables.lengths] == ["Target, words", "Target, characters"]


def test_the_page_marks_what_stands_out(tmp_path: Path) -> None:
    inputs = fabricate(tmp_path / "results", sentences=5)
    html = render_report(inputs, PARAMS, ReportSettings(sentences=5, alternatives=1))
    section = re.search(r'<section id="hygiene".*?</section>', html, re.DOTALL)
    assert section
    marked = re.findall(r'<mark class="much">(.*?)</mark>', section[0])
    # The overlap of test, a quarter of the rows of each split, and texts of 9,000 characters.
    assert marked == [
        *("125 (12.5%)", "6,000 (25.0%)", "250 (25.0%)", "250 (25.0%)", "3 (0.1%)"),
        *["120 / 9,000"] * 3,
    ]
    for found in FINDINGS:
        assert found.label in section[0]
        assert found.why in section[0]


def test_results_without_these_figures_have_no_such_section(tmp_path: Path) -> None:
    inputs = fabricate(tmp_path / "results", sentences=5)
    (inputs.prepare / "metrics.json").write_text('{"train": {"kept": 3}}')
    html = render_report(inputs, PARAMS, ReportSettings(sentences=5, alternatives=1))
    assert "hygiene" not in html
    assert data_tables({}) is None
