from typing import Any

from attn2seq.cli.experiments import table

PARAMS = {"model.cell", "train.seed", "train.learning_rate", "report.sentences"}
DEFAULTS = {"model.cell": "lstm", "train.seed": 1.0, "train.learning_rate": 0.001}


def row(name: str, kind: str, bleu: float | None, **changes: Any) -> dict[str, Any]:
    renamed = {key.replace("__", "."): value for key, value in changes.items()}
    return {"Experiment": name, "rev": "3f2a91c", "typ": kind, "State": None, "test.bleu": bleu,
            "report.sentences": 10.0, **DEFAULTS, **renamed}  # fmt: skip


def test_a_line_has_scores_and_what_was_changed() -> None:
    rows = [
        row("", "baseline", 30.0) | {"rev": "workspace"},
        row("", "baseline", 30.0) | {"rev": "main"},
        row("worse", "branch_commit", 29.0, train__seed=2.0),
        row("better", "branch_base", 31.0, model__cell="gru", report__sentences=99.0),
        row("queued-one", "branch_base", None, train__learning_rate=1e-5) | {"State": "Queued"},
    ]
    head, *lines = table(rows, PARAMS)
    assert head.split()[-1] == "BLEU"
    assert [line.split() for line in lines] == [
        ["main", "30.00"],
        ["better", "31.00"],
        ["model.cell=gru"],
        ["workspace", "30.00"],
        ["worse", "29.00"],
        ["train.seed=2"],
        ["queued-one", "(queued)", "–"],
        ["train.learning_rate=1e-05"],
    ]


def test_scores_of_which_less_is_better_are_sorted_so() -> None:
    rows = [
        row("workspace", "baseline", None),
        row("main", "baseline", None),
        row("poor", "branch_commit", None) | {"test.word_error_rate": 30.0},
        row("good", "branch_base", None) | {"test.word_error_rate": 20.0},
    ]
    assert [line.split()[0] for line in table(rows, PARAMS)[2:4]] == ["good", "poor"]


def test_many_changes_go_on_below() -> None:
    many = {f"section.a_rather_long_name_{place}": "a value" for place in range(20)}
    rows = [
        row("workspace", "baseline", 1.0),
        row("main", "baseline", 1.0),
        row("an-experiment-with-a-name-that-is-longer-than-its-column", "branch_base", 2.0) | many,
    ]
    lines = table(rows, set(many))
    assert max(map(len, lines)) <= 80
    assert sum("a_rather_long_name" in line for line in lines) > 5
    assert all(name in "\n".join(lines) for name in many)


def test_a_score_whose_name_stands_in_two_files() -> None:
    found = row("main", "baseline", None) | {"results/evaluate/metrics.json:test.bleu": 12.5}
    lines = table([row("workspace", "baseline", None), found], PARAMS)
    assert "12.50" in lines[1]
