from pathlib import Path

import pytest

from attn2seq.report.content import (
    bucket_columns,
    bucket_label,
    learning_curves,
    params_tables,
    rows_table,
    score_rows,
)

NAMES = ("perplexity", "bleu", "accuracy", "chrf")
VALUES = {split: dict.fromkeys(NAMES, 50.0) for split in ("dev", "test")}
SIGNED = {
    split: {name: {"signature": name, "low": 49.0, "high": 51.0} for name in NAMES}
    for split in ("dev", "test")
}


def test_scores_have_the_order_of_metrics() -> None:
    rows = score_rows(VALUES, SIGNED, "accuracy")
    assert list(rows) == ["accuracy", "bleu", "chrf", "perplexity"]
    assert next(iter(score_rows(VALUES, SIGNED, "chrf"))) == "chrf"
    assert (rows["bleu"].test.low, rows["bleu"].signature) == (49.0, "bleu")


def test_bars_show_exact_match_where_whole_lines_count() -> None:
    assert next(iter(bucket_columns("accuracy"))) == "exact_match"
    assert next(iter(bucket_columns("bleu"))) == "bleu"


@pytest.mark.parametrize(
    ("low", "high", "label"), [(0, 0, "0"), (4, 6, "4–6"), (1000, None, "1,000 and more")]
)
def test_bucket_labels(low: int, high: int | None, label: str) -> None:
    assert bucket_label({"low": low, "high": high}) == label


def test_curves_of_what_was_measured(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text(
        "step,epoch,train_loss,train_learning_rate,train_grad_norm,dev_loss,dev_accuracy\n"
        "10,1,4.0,0.1,1.0,,\n20,1,2.0,0.1,1.0,3.0,\n"
    )
    charts = learning_curves(history, best_step=20)
    titles = [chart.title for chart in charts]
    assert titles == ["Loss, nats per token", "Learning rate", "Gradient norm"]
    train, dev = charts[0].curves
    assert (len(train.dots), len(dev.dots)) == (2, 1)
    assert charts[0].marker == 430


def test_rows_kept_and_dropped() -> None:
    table = rows_table(
        {
            "train": {"kept": 9, "dropped": {"too_long": 1}},
            "dev": {"kept": 4, "dropped": {"duplicate": 2}},
            "seed": 1,
        }
    )
    assert table.columns == ["train", "dev"]
    assert table.rows == [
        ("kept", [9, 4]),
        ("dropped, too long", [1, None]),
        ("dropped, duplicate", [None, 2]),
    ]


def test_params_are_written_as_in_the_file() -> None:
    params = {"train": {"rate": 0.001, "amp": False, "betas": [0.9, 1], "name": "ü", "x": None}}
    assert params_tables(params) == {
        "train": {"rate": "0.001", "amp": "false", "betas": "[0.9, 1]", "name": "ü", "x": "null"}
    }
