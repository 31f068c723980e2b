"""What the pipeline ends with, to the character."""

import json
from pathlib import Path

import pytest

from attn2seq.cli.main import main
from attn2seq.cli.summary import STAGES, scores_table, times_table
from attn2seq.workspace.timings import note_seconds, seconds_of

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


def test_times_are_those_of_the_results_that_are_there(tmp_path: Path) -> None:
    trained = {"models/trained": "12.dir"}
    note_seconds(tmp_path, "train", trained, 61.24)
    note_seconds(tmp_path, "train", {"models/trained": "13.dir"}, 5.0)  # of another result
    note_seconds(tmp_path, "decode", {"results/decode": "14.dir"}, 5.0)
    outs = {"train": trained, "decode": {"results/decode": "15.dir"}}
    lock = {
        "stages": {
            stage: {"outs": [{"path": path, "md5": md5} for path, md5 in paths.items()]}
            for stage, paths in outs.items()
        }
    }
    heading, *lines = times_table(tmp_path, lock)
    assert heading == "stage             took   result"
    assert [line.split()[0] for line in lines] == list(STAGES)
    assert [line for line in lines if "from cache" not in line] == [
        "train           61.2 s   models/trained"
    ]
    assert "decode      from cache   results/decode" in lines


@pytest.mark.parametrize("damaged", ["", '{"dev": ', "[1]", '{"dev": 3}'])
def test_damaged_scores_are_told_with_the_remedy(
    damaged: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "results" / "evaluate").mkdir(parents=True)
    (tmp_path / "results" / "evaluate" / "metrics.json").write_text(damaged)
    (tmp_path / "params.yaml").write_text("download: {corpus: toy}\n")
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["summary"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("attn2seq summary: error: results/evaluate/metrics.json is damaged")
    assert "`make repro`" in said


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"seconds": null}'])
def test_a_damaged_note_of_a_time_is_none(tmp_path: Path, damaged: str) -> None:
    note_seconds(tmp_path, "train", {"a": "1"}, 5.0)
    assert seconds_of(tmp_path, "train", {"a": "1"}) == 5.0
    (note,) = (tmp_path / ".cache/timings").iterdir()
    note.write_text(damaged)
    assert seconds_of(tmp_path, "train", {"a": "1"}) is None


def test_it_tells_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results" / "evaluate").mkdir(parents=True)
    (tmp_path / "results" / "evaluate" / "metrics.json").write_text(json.dumps(METRICS))
    (tmp_path / "params.yaml").write_text("download: {corpus: toy}\n")
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["summary"]) == 0
    said = capsys.readouterr().out
    assert "\n".join(scores_table(METRICS, None)) in said
    assert f"report:  {(tmp_path / 'results/report/index.html').resolve().as_uri()}\n" in said
    assert "make ui" in said
