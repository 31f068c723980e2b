"""What is kept of a table's runs, and what the page shows of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from attn2seq.cli.results import RECORDED, RecordedRun, RecordedTable, States, read_table
from attn2seq.errors import UserError
from benchmarks.tables import runs
from benchmarks.tables.__main__ import TABLES
from benchmarks.tables.classics import SEEDS, attention_run
from benchmarks.tables.records import (
    MARK,
    PAGE,
    markdown,
    with_row,
    write_record,
    write_table,
)
from benchmarks.tables.runs import ROOT, Result, Run, params_of, recorded
from benchmarks.tables.workspace import CORPORA, changes_from, nearest_recipe, trained_on

RECORDS = sorted((ROOT / RECORDED).glob("*.json"))
TODAY, BEFORE = "11111111", "22222222"
COLUMNS = {"dev BLEU": ".2f", "test BLEU": ".1f", "steps": ",", "score": ""}


class Fixed(States):
    """As if the code's digest were that of TODAY."""

    def digest(self, corpus: str) -> str:
        return TODAY


def row(name: str, code: str | None, **results: Any) -> RecordedRun:
    return RecordedRun(
        name=name, recipe="one", changes={"train": {"seed": 2}}, corpus="one", seeds=[2],
        hardware="a processor", signatures={"bleu": "tok:13a"}, results=results, commit="abc1234",
        code=code,
    )  # fmt: skip


@pytest.fixture
def table() -> RecordedTable:
    values: dict[str, Any] = {"dev BLEU": 37.666, "test BLEU": [1.25, 2.0], "steps": 1528}
    rows = [
        row("new", TODAY, **values, score="BLEU"),
        row("old", BEFORE, **values | {"dev BLEU": None}, score="BLEU"),
        row("oldest", None, **values, score="BLEU"),
    ]
    return RecordedTable(heading="corpus", columns=COLUMNS, rows=rows, notes=["As expected."])


def test_a_row_is_marked_where_its_code_has_changed_since(table: RecordedTable) -> None:
    assert markdown(table, Fixed(ROOT)) == [
        "| corpus | dev BLEU | test BLEU | steps | score | commit | code |",
        "|---|---:|---|---:|---|---|---|",
        "| new | 37.67 | 1.2, 2.0 | 1,528 | BLEU | abc1234 | 11111111 |",
        "| old | not kept | 1.2, 2.0 | 1,528 | BLEU | abc1234 † | 22222222 |",
        "| oldest | 37.67 | 1.2, 2.0 | 1,528 | BLEU | abc1234 † | before digests |",
        "",
        "As expected.",
    ]


def test_what_is_written_is_read_back(table: RecordedTable, tmp_path: Path) -> None:
    write_record(tmp_path, "one", table)
    path = tmp_path / RECORDED / "one.json"
    assert read_table(path) == table
    assert list(read_table(path).columns) == list(COLUMNS)
    first = path.read_bytes()
    write_record(tmp_path, "one", read_table(path))
    assert path.read_bytes() == first


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_page_shows_the_records(path: Path, tmp_path: Path) -> None:
    """But for the marks, which follow from the code as it was when the page was written."""
    page = tmp_path / "page.md"
    page.write_bytes((ROOT / PAGE).read_bytes())
    write_table(page, path.stem, markdown(read_table(path), States(ROOT)))
    written, shown = (text.read_text(encoding="utf-8") for text in (page, ROOT / PAGE))
    assert written.replace(MARK, "") == shown.replace(MARK, "")


def test_each_record_can_be_made_again() -> None:
    assert {path.stem for path in RECORDS} <= {*TABLES, CORPORA}
    recipes = {path.stem for path in (ROOT / "recipes").glob("*.yaml")}
    every = [row for path in RECORDS for row in read_table(path).rows]
    assert {row.recipe for row in every} <= recipes


def test_a_row_takes_the_place_of_the_one_of_its_name(table: RecordedTable) -> None:
    changed = with_row(table, row("old", TODAY))
    assert [(one.name, one.code) for one in changed.rows] == [
        ("new", TODAY), ("old", TODAY), ("oldest", None),
    ]  # fmt: skip
    assert [one.name for one in with_row(table, row("more", TODAY)).rows][-1] == "more"


def test_a_row_of_several_seeds_names_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result("key", 1.0, 2.0, 9.0, 8, 7, 0.5, "tok:13a", "a processor", "abc1234", TODAY)
    monkeypatch.setattr(runs, "finished", lambda run: result)
    made = recorded("dot", [attention_run("dot", seed) for seed in SEEDS], {"mean": 2.0})
    assert made.seeds == list(SEEDS)
    assert "seed" not in made.changes["train"]
    assert made.changes["model"] == {"attention": "dot"}
    assert made.results == {"mean": 2.0, "minutes": 0.5}
    assert (made.corpus, made.commit, made.code) == ("phrasebook-en-de", "abc1234", TODAY)


def test_changes_are_those_that_a_score_follows_from() -> None:
    recipe = {"train": {"seed": 1, "threads": 0}, "decode": {"beam_size": 5}, "track": {"on": True}}
    params = {
        "train": {"seed": 3, "threads": 0},
        "decode": {"beam_size": 5},
        "track": {"on": False},
    }
    assert changes_from(recipe, params) == {"train": {"seed": 3}}


def test_a_model_from_elsewhere_is_not_recorded(tmp_path: Path) -> None:
    """Nothing is known of the machine that trained it; where it was trained the note is there."""
    weights = tmp_path / "models" / "model" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    with pytest.raises(UserError, match="not trained in this workspace"):
        trained_on(tmp_path)
    machine = {"device": "CPU, 2 threads", "number_type": "torch.float32", "torch": "2.13.0"}
    note = tmp_path / ".cache/trainings/d41d8cd98f00b204e9800998ecf8427e.json"  # md5 of nothing
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"machine": machine, "seconds": 426.0}), encoding="utf-8")
    assert trained_on(tmp_path) == (7.1, machine)


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table x -->\nold\n<!-- end of table x -->\nb\n", encoding="utf-8")
    write_table(page, "x", ["| one |", "| two |"])
    write_table(page, "y", ["| three |"])
    new = "\n## Table: y\n\n<!-- table y -->\n| three |\n<!-- end of table y -->\n"
    text = "a\n<!-- table x -->\n| one |\n| two |\n<!-- end of table x -->\nb\n"
    assert page.read_text(encoding="utf-8") == text + new


@pytest.mark.parametrize("recipe", ["multi30k-en-de", "multi30k-en-de-lowercase"])
def test_a_workspace_is_recorded_as_the_recipe_that_it_is_nearest_to(recipe: str) -> None:
    params = params_of(Run(recipe, recipe, {"train": {"seed": 7}}))
    assert nearest_recipe("multi30k-en-de", params) == (recipe, {"train": {"seed": 7}})


def test_a_corpus_without_a_recipe_is_told() -> None:
    with pytest.raises(UserError, match="no recipe mine"):
        nearest_recipe("mine", {})
