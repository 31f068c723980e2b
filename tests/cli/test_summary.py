"""What the pipeline ends with, to the character."""

import json
from pathlib import Path

import pytest

from attn2seq.cli.main import main
from attn2seq.cli.summary import STAGES, scores_table, times_table

METRICS = {
    "dev": {"bleu": 31.4159, "exact_match": 2.0, "word_error_rate": 100.0},
    "test": {"bleu": 27.1828, "exact_match": 0.0, "word_error_rate": 7.5},
}


def test_scores_stand_in_a_column_for_each_split() -> None:
    table = [
        "                               dev        test",
        "Word error rate, %          100.00        7.50",
        "BLEU                         31.42       27.18",
        "Exact match, %                2.00        0.00",
    ]
    assert scores_table(METRICS, None) == table
    # What judges comes first.
    heading, errors, bleu, exact = table
    assert scores_table(METRICS, "exact_match") == [heading, exact, errors, bleu]


def test_a_stage_that_did_not_run_comes_from_the_cache(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"seconds": 61.24}\n')
    heading, *lines = times_table(tmp_path)
    assert heading == "stage         last run   result"
    assert [line.split()[0] for line in lines] == list(STAGES)
    assert [line for line in lines if "from cache" not in line] == [
        "train           61.2 s   models/trained"
    ]
    assert "decode      from cache   results/decode" in lines


def test_it_tells_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results" / "evaluate").mkdir(parents=True)
    (tmp_path / "results" / "evaluate" / "metrics.json").write_text(json.dumps(METRICS))
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["summary"]) == 0
    said = capsys.readouterr().out
    assert "\n".join(scores_table(METRICS, None)) in said
    assert f"report:  {(tmp_path / 'results/report/index.html').resolve().as_uri()}\n" in said
    assert "make ui" in said
