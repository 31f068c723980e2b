"""The addresses inside the MLflow UI, to the character."""

from pathlib import Path

import pytest

from attn2seq.runs.links import how_to_look
from attn2seq.runs.record import Shown, Store

LOCAL = Store("sqlite:///mlflow.db", Path("lock"), Path("mlflow.db"), Path("mlartifacts"))
RUNS = [
    Shown("aa", "2", "cell=gru", "word_error_rate"),
    Shown("bb", "1", "baseline", "bleu"),
    Shown("cc", "2", "baseline", None),
]
TRAINING = "workflowType=machine_learning"
VIEW = f"{TRAINING}&viewStateShareKey=scores"


def test_a_database_here_is_served_by_make_ui() -> None:
    here = "http://127.0.0.1:5050/#"
    assert how_to_look(LOCAL, RUNS, 5050).splitlines() == [
        "MLflow: http://127.0.0.1:5050  (while `make ui` runs)",
        "  charts of all runs",
        f"    {here}/experiments/2/runs?compareRunsMode=CHART&{VIEW}",
        "  all runs, the best first",
        f"    {here}/experiments/2/runs?{VIEW}",
        "  the latest 3 runs compared",
        f"    {here}/compare-runs?runs=%5B%22aa%22%2C%22bb%22%2C%22cc%22%5D"
        f"&experiments=%5B%221%22%2C%222%22%5D&{TRAINING}",
        "  the latest run, cell=gru",
        f"    {here}/experiments/2/runs/aa?{TRAINING}",
    ]


@pytest.mark.parametrize(("count", "lines"), [(0, 1), (1, 7), (2, 9)])
def test_only_what_there_is_is_offered(count: int, lines: int) -> None:
    assert len(how_to_look(LOCAL, RUNS[:count], 5000).splitlines()) == lines


def test_a_server_has_its_own_address() -> None:
    server = Store("https://mlflow.example.org/", Path("lock"))
    text = how_to_look(server, RUNS[:1], 5000)
    assert text.startswith("MLflow: https://mlflow.example.org\n")
    assert "https://mlflow.example.org/#/experiments/2/runs/aa" in text
    assert "127.0.0.1" not in text
    assert "make ui" not in text
