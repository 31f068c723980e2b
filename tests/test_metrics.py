"""One record for each metric, and nowhere else a label."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.metrics import METRICS, judged_by, leading

ROOT = Path(__file__).parents[1]
CODE = ("src", "pipeline")
KINDS = (".py", ".html", ".js", ".css")
LABELS = re.compile("|".join(rf"\b{re.escape(metric.label)}\b" for metric in METRICS.values()))
COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*|\{#.*?#\}|<!--.*?-->", re.DOTALL)


def test_a_corpus_can_ask_for_those_on_request_and_no_others() -> None:
    (names,) = get_args(CatalogueEntry.model_fields["metrics"].annotation)
    wanted = {name for name, metric in METRICS.items() if metric.on_request}
    assert set(get_args(names)) == wanted


def texts_of(path: Path) -> Iterator[str]:
    """What of a file can reach a reader: no comments, and of code the strings but docstrings."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield COMMENTS.sub("", text)
        return
    tree = ast.parse(text)
    # A docstring is an expression by itself; so is the text below a field. A type may be a string.
    apart = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    apart |= {id(node.returns) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
            yield node.value


def test_no_other_file_spells_a_label() -> None:
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    spelt = {
        path.relative_to(ROOT).as_posix(): found.group()
        for path in files
        for text in texts_of(path)
        if (found := LABELS.search(text))
    }
    assert set(spelt) == {"src/attn2seq/metrics.py"}, spelt


def test_a_label_in_a_page_or_in_code_would_be_found(tmp_path: Path) -> None:
    """The test above is one that can fail."""
    for name, text in {
        "a.py": '"""BLEU is fine here."""\nprint("BLEU:")\n',
        "a.js": "/* BLEU is fine here */ make('b', 'worst BLEU');",
        "a.html": "{# BLEU is fine here #}<th>BLEU</th>",
    }.items():
        (tmp_path / name).write_text(text)
        found = [match for text in texts_of(tmp_path / name) for match in LABELS.findall(text)]
        assert found == ["BLEU"], name


def test_scores_as_they_are_written() -> None:
    bleu, bits = METRICS["bleu"], METRICS["bits_per_character"]
    assert (bleu.written(31.4159), bits.written(1.23456)) == ("31.42", "1.2346")
    assert bleu.written_interval(30.04, 33.36) == "30.0–33.4"
    written = [bleu.written_difference(value) for value in (0.871, -0.871, 0.004)]
    assert written == ["+0.87", "-0.87", "0"]
    assert (METRICS["exact_match"].heading, bleu.heading) == ("Exact match, %", "BLEU")
    assert (bleu.of_100, bits.of_100) == (True, False)


def test_which_way_is_better() -> None:
    nan = float("nan")
    bleu, errors = METRICS["bleu"].better, METRICS["word_error_rate"].better
    assert bleu(2.0, 1.0)
    assert not bleu(1.0, 1.0)
    assert errors(1.0, 2.0)
    assert bleu(0.0, nan)
    assert not errors(nan, 9.0)


def test_what_a_corpus_asks_for_is_among_the_four_that_lead() -> None:
    usual = [name for name, metric in METRICS.items() if not metric.on_request]
    assert leading(usual) == ["bleu", "chrf", "exact_match", "perplexity"]
    assert leading([*usual, "accuracy"]) == ["accuracy", "bleu", "chrf", "exact_match"]
    assert leading(["ter"]) == []
    assert leading(usual, "ter") == ["ter", "bleu", "chrf", "exact_match"]
    assert leading(usual, "exact_match") == ["exact_match", "bleu", "chrf", "perplexity"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"metrics": [], "bleu_tokenizer": "13a"}, "bleu"),
        ({"metrics": ["moses_bleu"], "bleu_tokenizer": "13a"}, "bleu"),
        ({"metrics": [], "bleu_tokenizer": "none"}, "exact_match"),
        ({"metrics": ["word_error_rate"], "bleu_tokenizer": "none"}, "word_error_rate"),
        ({"metrics": [], "bleu_tokenizer": "13a", "judged_by": None}, "bleu"),
        ({"metrics": ["accuracy"], "bleu_tokenizer": "none", "judged_by": "chrf"}, "chrf"),
    ],
)
def test_each_corpus_has_a_score_that_judges(facts: dict[str, object], expected: str) -> None:
    assert judged_by(facts) == expected
