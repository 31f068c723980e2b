import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attn2seq.comparison.compare import ComparedSplit, compare_runs, differing_params
from attn2seq.comparison.runs import Run
from attn2seq.comparison.sentences import differing_sentences, outcomes
from attn2seq.comparison.table import comparison_lines, recorded_lines
from attn2seq.errors import UserError
from attn2seq.evaluation.settings import EvaluateSettings

SETTINGS = EvaluateSettings(bootstrap_samples=100, seed=12345)


@pytest.fixture(scope="module")
def compared(ours: Run, theirs: Run, prepared: Path) -> dict[str, ComparedSplit]:
    return compare_runs(ours, theirs, prepared, SETTINGS)


def edited(run: Run, folder: Path, table: pd.DataFrame) -> Run:
    """The run with another table of sentences."""
    (folder / "evaluate").mkdir(parents=True)
    table.to_parquet(folder / "evaluate/sentences.parquet")
    return replace(run, results=folder)


def rows_of(run: Run) -> pd.DataFrame:
    return pd.read_parquet(run.results / "evaluate/sentences.parquet")


def test_scores_and_intervals_are_those_that_evaluate_wrote(
    compared: dict[str, ComparedSplit], ours: Run, theirs: Run
) -> None:
    for split, found in compared.items():
        for run in (ours, theirs):
            metrics, signed = (
                json.loads((run.results / f"evaluate/{name}.json").read_text())[split]
                for name in ("metrics", "signatures")
            )
            for name, score in found.scores.items():
                value, interval = (
                    (score.ours, score.our_interval)
                    if run is ours
                    else (score.theirs, score.their_interval)
                )
                assert value == pytest.approx(metrics[name], abs=1e-4)
                bounds = (signed[name]["low"], signed[name]["high"])
                assert interval == pytest.approx(bounds, abs=1e-4)
                assert score.signature == signed[name]["signature"]


def test_systems_that_err_at_random_do_not_differ(compared: dict[str, ComparedSplit]) -> None:
    scores = compared["test"].scores
    assert not any(scores[name].is_clear for name in ("bleu", "chrf", "ter", "exact_match"))


def test_a_better_system_is_called_so(
    ours: Run, theirs: Run, prepared: Path, tmp_path: Path
) -> None:
    rows = rows_of(ours)
    rows["hypothesis"] = rows["reference"]
    compared = compare_runs(edited(ours, tmp_path, rows), theirs, prepared, SETTINGS)
    lines = comparison_lines(ours, theirs, compared, 100)
    (bleu,) = [line for line in lines if line.startswith("  BLEU ↑")][:1]
    assert bleu.split()[2] == "100.00"
    assert bleu.endswith("better")
    (ter,) = [line for line in lines if line.startswith("  TER ↓")][:1]
    assert ter.endswith("better")


def test_perplexity_of_other_tokens_is_left_out(
    ours: Run, theirs: Run, prepared: Path, compared: dict[str, ComparedSplit], tmp_path: Path
) -> None:
    assert "perplexity" in compared["test"].scores
    rows = rows_of(theirs)
    rows["tokens"] += 1
    other = compare_runs(ours, edited(theirs, tmp_path, rows), prepared, SETTINGS)
    assert "perplexity" not in other["test"].scores
    assert "bits_per_character" in other["test"].scores


def test_other_test_sets_are_refused(
    ours: Run, theirs: Run, prepared: Path, tmp_path: Path
) -> None:
    rows = rows_of(theirs)
    place = np.flatnonzero(rows["split"] == "test")[4]
    changed = rows.copy()
    changed.loc[place, "src"] = "Another sentence ."
    with pytest.raises(
        UserError, match=r"greedy has a different test set .*1 other .* in line 5\)"
    ):
        compare_runs(ours, edited(theirs, tmp_path / "a", changed), prepared, SETTINGS)
    fewer = edited(theirs, tmp_path / "b", rows.drop(index=place))
    with pytest.raises(UserError, match="199 sentences, not 200"):
        compare_runs(ours, fewer, prepared, SETTINGS)
    elsewhere = replace(fewer, corpus="multi30k-en-de")
    with pytest.raises(UserError, match="greedy is a run on the corpus multi30k-en-de"):
        compare_runs(ours, elsewhere, prepared, SETTINGS)


def test_params_that_differ(ours: Run, theirs: Run) -> None:
    assert differing_params(ours, theirs) == {"model.cell": ("lstm", "gru")}
    newer = replace(ours, params={**ours.params, "model.tied": "true"})
    assert differing_params(newer, theirs)["model.tied"] == ("true", "–")
    assert differing_params(ours, replace(theirs, params={})) == {}


def test_the_table_fits_a_terminal(
    ours: Run, theirs: Run, compared: dict[str, ComparedSplit]
) -> None:
    lines = comparison_lines(ours, theirs, compared, 100)
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "test, 200 sentences" in text
    assert "dev, 60 sentences" in text
    assert "tok:13a" in text
    assert lines[-1].split() == ["model.cell", "lstm", "gru"]
    unknown = comparison_lines(ours, replace(theirs, params={}), compared, 100)
    assert unknown[-1] == "the params of greedy are not known"
    assert comparison_lines(ours, ours, compared, 100)[-1] == "no param differs"


def test_long_names_and_values_fit_a_terminal(
    compared: dict[str, ComparedSplit], ours: Run, theirs: Run
) -> None:
    folder = "/mnt/somewhere/" + "a-folder-with-a-long-name/" * 5
    models = " ".join(f"model-number-{number}" for number in range(9))
    first = replace(ours, params=ours.params | {"decode.ensemble": models, "train.seed": "1"})
    second = replace(theirs, name=folder, params=first.params | {"decode.ensemble": folder})
    for lines in (
        comparison_lines(first, second, compared, 100),
        recorded_lines(first, replace(second, lacks="results/x"), "no remedy"),
    ):
        assert max(map(len, lines)) <= 80
        told = "".join(line.strip() for line in lines)
        assert told.count(folder) >= 2  # the name, and the value
        assert "  decode.ensemble" in lines


def test_sentences_that_differ_most_come_first(ours: Run, theirs: Run) -> None:
    rows = differing_sentences(ours, theirs, most=30)
    assert [row["gap"] for row in rows] == sorted((row["gap"] for row in rows), reverse=True)
    assert len(rows) == 30
    everything = differing_sentences(ours, theirs, most=10_000)
    first, second = ours.sentences("test"), theirs.sentences("test")
    assert len(everything) == (first["hypothesis"] != second["hypothesis"]).sum()
    for row in rows:
        assert row["ours"]["text"] == first["hypothesis"][row["line"] - 1]
        assert row["theirs"]["text"] == second["hypothesis"][row["line"] - 1]
        assert row["gain"] == pytest.approx(row["ours"]["chrf"] - row["theirs"]["chrf"], abs=0.11)
    counted = outcomes(ours, theirs)
    assert sum(counted.values()) == 200
    assert counted["better"] == sum(row["gain"] > 0 for row in everything)
