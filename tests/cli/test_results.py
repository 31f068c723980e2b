"""Which recorded runs are older than the code they name."""

import json
from pathlib import Path
from typing import Any

import pytest

from attn2seq.cli.results import RECORDED, States, read_table, results_table
from attn2seq.config import ConfigError
from attn2seq.errors import UserError
from attn2seq.workspace.fingerprint import RUN_STAGES

ROOT = Path(__file__).parents[2]
ROW: dict[str, Any] = {
    "name": "one", "recipe": "one", "changes": {}, "corpus": "mine", "seeds": [1],
    "hardware": "a processor", "signatures": {"bleu": "tok:13a"}, "results": {"dev": 1.0},
    "commit": "abc1234", "code": None,
}  # fmt: skip
OTHER = "00000000"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Six stages of one script, and two corpora: `made` by a generator and `mine`."""
    files = {
        "dvc.yaml": "stages:\n"
        + "".join(f"  {stage}: {{cmd: python -m pipeline.one}}\n" for stage in RUN_STAGES),
        "pipeline/one.py": "BEAM = 5\n",
        "data/catalogue/made.yaml": "generator: {}\n",
        "data/catalogue/mine.yaml": "files: []\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def record(root: Path, *rows: dict[str, Any]) -> Path:
    path = root / RECORDED / "table.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"heading": "corpus", "columns": {"dev": ".2f"}, "rows": rows, "notes": []}
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_an_edit_of_the_code_makes_its_rows_older(project: Path) -> None:
    digest = States(project).digest("mine")
    record(project, ROW | {"code": digest})
    heading, line, _, said = results_table(project)
    assert heading.split() == ["table", "commit", "code"]
    assert line.split() == ["one", "abc1234", "current"]
    assert said == "All 1 runs were made by the code as it is."
    (project / "pipeline" / "one.py").write_text("BEAM = 5  # hypotheses\n", encoding="utf-8")
    assert results_table(project)[1].split()[-1] == "current"
    (project / "pipeline" / "one.py").write_text("BEAM = 6\n", encoding="utf-8")
    assert results_table(project)[1].split()[-1] == "older"


def test_runs_from_before_digests_count_as_older(project: Path) -> None:
    current = ROW | {"name": "two", "code": States(project).digest("made"), "corpus": "made"}
    record(project, ROW, current, ROW | {"name": "three", "code": OTHER})
    lines = results_table(project)
    assert [line[65:] for line in lines[:4]] == ["code", "before digests", "current", "older"]
    assert "2 of 3 runs are older than the code they name." in lines


def test_the_projects_own_records_fit_a_terminal() -> None:
    lines = results_table(ROOT)
    assert len(lines) > 80
    assert max(map(len, lines)) <= 80


def test_long_names_are_cut(project: Path) -> None:
    record(project, ROW | {"name": "n" * 100, "commit": "abc1234-dirty"})
    assert results_table(project)[1] == f"  {'n' * 46}… abc1234-dirty  before digests"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{\n1", "table.json, line 2: not JSON"),
        ('{"heading": "a", "heading": "b"}', "the key 'heading' occurs twice"),
    ],
)
def test_what_is_no_record_is_told_so(project: Path, text: str, complaint: str) -> None:
    path = record(project, ROW)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        read_table(path)


def test_a_fault_is_named_by_its_key(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"table\.rows\.0\.seeds"):
        read_table(record(project, ROW | {"seeds": "one"}))
    with pytest.raises(UserError, match="two rows are named 'one'"):
        read_table(record(project, ROW, ROW))


def test_a_project_without_records_is_told_so(project: Path) -> None:
    with pytest.raises(UserError, match="no recorded runs"):
        results_table(project)
