"""A grid's points, their names, the table at its end, and what is refused before any work."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from tracked_runs import runs_in

from attn2seq.cli.experiment import _sweep, expand
from attn2seq.cli.main import main
from attn2seq.errors import UserError
from attn2seq.runs.circumstances import note_sweep, sweep_of
from attn2seq.runs.experiment_names import experiment_names
from attn2seq.runs.experiment_results import Row, best_of, markdown_table, table
from attn2seq.runs.record import Sweep
from attn2seq.runs.show import store_of

ROOT = Path(__file__).parents[2]


def test_a_grid_is_every_combination() -> None:
    points = expand(["train.learning_rate=0.001,0.0005", "train.seed=range(1,3)", "model.cell=gru"])
    assert points == [
        ["train.learning_rate=0.001", "train.seed=1", "model.cell=gru"],
        ["train.learning_rate=0.001", "train.seed=2", "model.cell=gru"],
        ["train.learning_rate=0.0005", "train.seed=1", "model.cell=gru"],
        ["train.learning_rate=0.0005", "train.seed=2", "model.cell=gru"],
    ]
    assert experiment_names(points, None, ())[1] == "learning_rate=0.001,seed=2"
    assert experiment_names(points, "rates", ())[1] == "rates,learning_rate=0.001,seed=2"


def test_names_are_unlike_those_taken_and_sound_as_refs() -> None:
    points = [["train.seed=1", "prepare.seed=a b/c"], ["train.seed=2", "prepare.seed=a..b"]]
    names = experiment_names(points, None, {"train.seed=1,prepare.seed=a-b-c"})
    assert names == ["train.seed=1,prepare.seed=a-b-c-2", "train.seed=2,prepare.seed=a-b"]
    with pytest.raises(UserError, match="--name a b"):
        experiment_names(points, "a b", ())


def test_the_best_stands_first_and_the_failed_last() -> None:
    rows = [Row("gru", "toy", "bleu", 31.4159, 27.0), Row("lstm", "toy", "bleu", None, None)]
    assert table(rows) == [
        "experiment                dev bleu             test bleu",
        "gru                          31.42                 27.00",
        "lstm                        failed                failed",
    ]
    assert "| gru | toy | bleu | 31.42 | 27.00 |" in markdown_table(rows)
    assert [line[:10].strip() for line in table([*rows, Row("b", "scan", "bleu", 1.0, 1.0)])] == [
        "toy", "experiment", "gru", "lstm", "", "scan", "experiment", "b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("devs", "status"), [([1.0, 2.0], "FINISHED"), ([1.0, None], "FAILED"), (None, "KILLED")]
)
def test_a_sweep_ends_as_its_experiments_did(
    finished: Path, devs: list[float | None] | None, status: str
) -> None:
    store = store_of(finished, None)
    sweep = note_sweep(finished, "seed", ["seed=1", "seed=2"])
    with (
        suppress(KeyboardInterrupt),
        _sweep(sweep, ["toy", "other", "toy"], store, finished) as show,
    ):
        if devs is None:
            raise KeyboardInterrupt
        show([Row(f"seed={dev}", "toy", "bleu", dev, dev) for dev in devs])
    # One for each corpus.
    assert [run.info.status for run in runs_in(finished)] == [status] * 2
    # And so they will be shown when MLflow's database is made again.
    assert sweep_of(finished, "seed=2") == Sweep("sweep 1: seed", status)


def test_the_best_may_be_several() -> None:
    rows = [
        Row("a", "toy", "bleu", 3.0, 1.0),
        Row("b", "toy", "bleu", 3.0, 2.0),
        Row("c", "toy", "bleu", 2.0, 3.0),
    ]
    assert best_of(rows) == ["a", "b"]
    assert best_of(rows[1:]) == ["b"]
    assert best_of([Row("d", "toy", "bleu", None, None)]) == []


def test_a_mistake_at_any_point_stops_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "data/catalogue", tmp_path / "data/catalogue")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for given, said in {
        "train.learning_rate=0.001,-1": "with train.learning_rate=-1, params.yaml has 1 error",
        "train.lerning_rate=0.001,0.002": "lerning_rate",
        "train.learning_rate=[1,": "cannot be read",
    }.items():
        assert main(["experiment", "-S", given]) == 1
        assert said in capsys.readouterr().err
    assert not (tmp_path / ".cache").exists()
    assert not (tmp_path / "mlflow.db").exists()


def test_a_sweep_is_known_by_its_experiments(tmp_path: Path) -> None:
    assert note_sweep(tmp_path, "seed", ["a", "b"]).name == "sweep 1: seed"
    assert note_sweep(tmp_path, "cell", ["c"]).name == "sweep 2: cell"
    found = [sweep_of(tmp_path, name) for name in ("b", "c", "d", None)]
    names = [sweep and sweep.name for sweep in found]
    assert names == ["sweep 1: seed", "sweep 2: cell", None, None]
