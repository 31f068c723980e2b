import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fabricated_results import PARAMS, fabricate

from attn2seq.errors import UserError
from attn2seq.report.page import ReportInputs, render_report, write_report
from attn2seq.report.settings import ReportSettings
from attn2seq.report.templating import json_block, language_tag

EVIL = "</script><script>alert('{n}')</script><!-- & \"quoted\" \u2028 <b>bold</b>"


class Reader(HTMLParser):
    """Collects elements with their attributes, and the text in script elements."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            self.scripts[-1] += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_page_needs_nothing_else(page: str) -> None:
    reader = read(page)
    for tag, attributes in reader.elements:
        for name in ("src", "href", "srcset", "data", "poster", "action", "xlink:href"):
            address = attributes.get(name)
            assert address is None or address.startswith("#"), (tag, name, address)
        assert tag not in {"link", "iframe", "object", "embed", "base"}
    assert "@import" not in page
    assert "url(" not in page
    policies = [a.get("content") for tag, a in reader.elements if a.get("http-equiv")]
    assert len(policies) == 1
    assert policies[0]
    assert policies[0].startswith("default-src 'none'")


def test_page_is_small(page: str) -> None:
    assert len(page.encode()) < 5_000_000


def test_page_says_what_counts(page: str, results: ReportInputs) -> None:
    metrics = json.loads((results.evaluate / "metrics.json").read_text())
    signatures = json.loads((results.evaluate / "signatures.json").read_text())
    for name, score in metrics["test"].items():
        assert f"{score:.2f}" in page, name
        assert signatures["test"][name]["signature"].split("|")[0] in page
    for section in ("scores", "curves", "strengths", "worst", "sentences", "hygiene",
                    "vocabulary", "corpus", "params"):  # fmt: skip
        assert f'<section id="{section}"' in page
        assert f'href="#{section}"' in page
    header = page[page.index("<header>") : page.index("</header>")]
    assert signatures["test"]["bleu"]["signature"] in header
    assert "3,214,592 parameters" in page
    assert "encoder.dropout" in page
    assert "24,000" in page
    assert page.count('<figure class="chart">') == 4


def test_same_results_same_bytes(
    page: str, results: ReportInputs, settings: ReportSettings, tmp_path: Path
) -> None:
    for name in ("first.html", "second.html"):
        write_report(results, PARAMS, settings, tmp_path / "new" / name)
    first, second = (
        (tmp_path / "new" / name).read_bytes() for name in ("first.html", "second.html")
    )
    assert first == second == page.encode()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        *("first.html", "second.html")
    ]


@pytest.mark.promise("escaped")
def test_text_never_becomes_markup(folder: Path, settings: ReportSettings) -> None:
    inputs = fabricate(folder, sentences=12, pairs=[(EVIL, EVIL)])
    corpus = json.loads(inputs.corpus.read_text())
    inputs.corpus.write_text(json.dumps({**corpus, "title": EVIL, "name": EVIL, "citation": EVIL}))
    html = render_report(inputs, {"train": {EVIL: EVIL}}, settings)
    reader = read(html)
    assert "<b>bold" not in html
    assert len(reader.scripts) == 2
    assert "alert(" not in reader.scripts[1]
    data = json.loads(reader.scripts[0])
    assert data["sentences"][3]["src"] == EVIL.format(n=3)
    # Inside the data not even a comment can begin.
    assert "<" not in reader.scripts[0]


def test_json_block_reads_back() -> None:
    values = {"text": EVIL, "ü": ["我", 1.5, None]}
    block = str(json_block(values))
    assert json.loads(block) == values
    assert not re.search("[<>&\u2028]", block)


@pytest.mark.parametrize(
    ("language", "tag"),
    [("en", "en"), ("zh-Hans", "zh-Hans"), ("lambda calculus", "zxx"), ("", "zxx"), (None, "zxx")],
)
def test_language_tags(language: str | None, tag: str) -> None:
    assert language_tag(language) == tag


def test_languages_reach_the_page(folder: Path, settings: ReportSettings) -> None:
    pairs = [("The house is big", "البيت كبير")]
    inputs = fabricate(folder, sentences=8, pairs=pairs, languages=("en", "ar"))
    data = json.loads(read(render_report(inputs, PARAMS, settings)).scripts[0])
    assert (data["source"], data["target"]) == ("en", "ar")


def test_without_attention_the_page_says_so(folder: Path, settings: ReportSettings) -> None:
    html = render_report(fabricate(folder, sentences=5, attention=0), PARAMS, settings)
    assert "There are no attention maps" in html
    assert "with attention map" not in html


@pytest.mark.parametrize(
    "name", ["evaluate/signatures.json", "evaluate/sentences.parquet", "train/history.csv"]
)
def test_missing_result_is_named(folder: Path, settings: ReportSettings, name: str) -> None:
    inputs = fabricate(folder, sentences=5)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing: run the stage"):
        render_report(inputs, PARAMS, settings)
