"""The search for settings: its ranges, what it does with trials, and how it goes on."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from attn2seq.cli import tune as tune_module
from attn2seq.cli.tune import Interval, read_ranges, recipe_overrides, tune
from attn2seq.errors import UserError

ROOT = Path(__file__).parents[2]
RANGES = """\
train.learning_rate: {low: 0.0001, high: 0.01, log: true}
model.layer_dropout: {low: 0.1, high: 0.5, step: 0.1}
train.warmup_steps: {low: 100, high: 900, step: 400}
model.cell: [lstm, gru]
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with ranges; trials come to a score without being run."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    for name in ("recipes", "data/catalogue"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "ranges.yaml").write_text(RANGES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tune_module, "main_root", lambda: tmp_path)
    return tmp_path


def scored(point: list[str]) -> float:
    """The best is a rate of 0.001 and a dropout of 0.3."""
    values = dict(override.split("=") for override in point)
    rate, dropout = (float(values[key]) for key in ("train.learning_rate", "model.layer_dropout"))
    return 50 - abs(rate - 0.001) * 1000 - abs(dropout - 0.3) * 10


def test_a_search_ends_in_a_recipe(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(trial: Any, name: str, point: list[str], *_: object) -> float | str:
        assert name == f"tune-bahdanau-2015-{trial.number}"
        asked.append(point)
        return "pruned" if len(asked) == 3 else scored(point)

    monkeypatch.setattr(tune_module, "_run", run)
    said = tune("bahdanau-2015", Path("ranges.yaml"), 12)
    assert len(asked) == 12
    kept = [point for place, point in enumerate(asked) if place != 2]
    best = max(kept, key=scored)
    assert said[-2:] == [
        "1 more ended early",
        "recipes/bahdanau-2015-tuned.yaml holds the best: attn2seq recipe bahdanau-2015-tuned",
    ]
    assert len(said) == 1 + 11 + 2
    text = (workspace / "recipes/bahdanau-2015-tuned.yaml").read_text()
    assert f"the best of 12 trials over\n# ranges.yaml, with dev BLEU {scored(best):.2f}." in text
    yaml = YAML(typ="safe")
    found, original = yaml.load(text), yaml.load(workspace / "recipes/bahdanau-2015.yaml")
    assert f"train.learning_rate={found['train']['learning_rate']}" in best
    assert f"model.cell={found['model']['cell']}" in best
    assert found["model"]["context_into"] == original["model"]["context_into"]
    # Each trial is the recipe, whatever stands in params.yaml, and its draw.
    base = recipe_overrides("bahdanau-2015")
    assert "model.context_into=first_layer" in base
    assert all(point[: len(base)] == base for point in asked)
    # All is done: the same command runs nothing, and says the same.
    assert tune("bahdanau-2015", Path("ranges.yaml"), 12) == said
    assert len(asked) == 12


def test_what_was_interrupted_is_tried_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points: list[list[str]] = []

    def run(trial: Any, name: str, point: list[str], *_: object) -> float:
        points.append(point)
        if len(points) == 3:
            raise KeyboardInterrupt
        return scored(point)

    monkeypatch.setattr(tune_module, "_run", run)
    with pytest.raises(KeyboardInterrupt):
        tune("bahdanau-2015", Path("ranges.yaml"), 5)
    tune("bahdanau-2015", Path("ranges.yaml"), 5)
    assert len(points) == 6
    assert points[3] == points[2]


# Stands for DVC: first the commit's curve is in the copy, then a worse and worse one, without end:
# a trial that nobody ended would not end.
EXPERIMENT = """
import itertools, time
from pathlib import Path
folder = Path(".dvc/tmp/exps/standalone/copy")
curve = folder / "results/train/history.csv"
curve.parent.mkdir(parents=True)
(folder / "params.yaml").write_text("train: {seed: 7}")
curve.write_text(Path("results/train/history.csv").read_text())
time.sleep(1.5)
for step in itertools.count(1):
    curve.write_text("step,dev_loss\\n" + "".join(f"{k},{k}\\n" for k in range(1, step + 1)))
    time.sleep(0.1)
"""


def test_a_trial_that_falls_behind_ends_early(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "results/train").mkdir(parents=True)
    (workspace / "results/train/history.csv").write_text("step,dev_loss\n1000,0.001\n")
    for command in ("init -q", "add results", "-c user.name=a -c user.email=b commit -qm c"):
        subprocess.run(["git", *command.split()], cwd=workspace, check=True)
    monkeypatch.setattr(tune_module, "POLL_S", 0.1)
    monkeypatch.setattr(tune_module, "checked_corpus", lambda point: "phrasebook-en-de")
    monkeypatch.setattr(tune_module, "_command", lambda *_: [sys.executable, "-c", EXPERIMENT])
    reported: dict[int, float] = {}

    class Stub:
        def report(self, value: float, step: int) -> None:
            reported[step] = value

        def should_prune(self) -> bool:
            return len(reported) == 5

    assert tune_module._run(Stub(), "x", ["train.seed=7"], workspace, True) == "pruned"  # type: ignore[arg-type]
    assert reported == {step: -step for step in range(1, 6)}


def test_other_ranges_are_another_search(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "_run", lambda trial, name, point, *_: scored(point))
    tune("bahdanau-2015", Path("ranges.yaml"), 1)
    Path("ranges.yaml").write_text("train.seed: [1, 2]\n")
    with pytest.raises(UserError, match=r"bahdanau-2015\.journal is a search over other ranges"):
        tune("bahdanau-2015", Path("ranges.yaml"), 2)


def test_failures_without_end_end(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "_run", lambda *_: None)
    with pytest.raises(UserError, match="5 trials in a row failed"):
        tune("bahdanau-2015", Path("ranges.yaml"), 20)


def test_no_more_trials_fail_than_were_asked_for(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same command tries other settings, as the message says."""
    points: list[list[str]] = []
    works = False

    def run(trial: Any, name: str, point: list[str], *_: object) -> float | None:
        points.append(point)
        return scored(point) if works else None

    monkeypatch.setattr(tune_module, "_run", run)
    with pytest.raises(UserError, match=r"the trial failed, .* the same command goes on with the"):
        tune("bahdanau-2015", Path("ranges.yaml"), 1)
    assert len(points) == 1
    works = True
    tune("bahdanau-2015", Path("ranges.yaml"), 1)
    assert len(points) == 2
    assert points[0] != points[1]


def test_another_file_is_not_replaced(workspace: Path) -> None:
    target = workspace / "recipes/bahdanau-2015-tuned.yaml"
    target.write_text("# mine\ndownload: {corpus: phrasebook-en-de}\n")
    with pytest.raises(UserError, match="is another's: rename it"):
        tune("bahdanau-2015", Path("ranges.yaml"), 1)
    assert target.read_text().startswith("# mine")


def test_ranges(workspace: Path) -> None:
    ranges = read_ranges(Path("ranges.yaml"))
    assert ranges["model.cell"] == ["lstm", "gru"]
    assert ranges["train.warmup_steps"] == Interval(low=100, high=900, step=400)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("train.rate: [1, 2]", "train.rate: params.yaml has no such key"),
        ("train.seed: {low: 3, high: 1}", r"low \(3\) must be below high \(1\)"),
        ("train.seed: {low: 0, high: 1, log: true}", "log needs a low above 0"),
        ("train.seed: 3", "train.seed: "),
        ("train.seed: {low: 1, hight: 2}", "train.seed: "),
        ("{}", "it names no key"),
    ],
)
def test_faults_of_ranges(workspace: Path, text: str, fault: str) -> None:
    Path("ranges.yaml").write_text(text)
    with pytest.raises(UserError, match=fault):
        read_ranges(Path("ranges.yaml"))
