"""The table of experiments: scores beside their own params alone, and each corpus apart."""

import json
import subprocess
from pathlib import Path

import pytest
from tracked_workspace import run_stages, write_lock

from attn2seq.cli.experiments import Row, list_experiments, table
from attn2seq.metrics import METRICS

DEFAULTS = {
    "download.corpus": "toy", "model.cell": "lstm", "train.seed": "1", "report.sentences": "10",
}  # fmt: skip


def row(name: str, bleu: float | None, **changes: str) -> Row:
    renamed = {key.replace("__", "."): value for key, value in changes.items()}
    return Row(name, DEFAULTS | renamed, {} if bleu is None else {"bleu": bleu})


def test_a_line_has_scores_and_what_was_changed() -> None:
    rows = [
        row("workspace", 30.0),
        row("worse", 29.0, train__seed="2"),
        row("better", 31.0, model__cell="gru", report__sentences="99"),
        row("interrupted", None, train__seed="3"),
    ]
    head, *lines = table([(row("main", 30.0), rows)])
    assert head.split()[-1] == "BLEU"
    assert [line.split() for line in lines] == [
        ["main", "30.00"],
        ["better", "31.00"],
        ["model.cell=gru"],
        ["workspace", "30.00"],
        ["worse", "29.00"],
        ["train.seed=2"],
        ["interrupted", "–"],
        ["train.seed=3"],
    ]


def test_scores_of_which_less_is_better_are_sorted_so() -> None:
    rows = [
        Row("poor", DEFAULTS, {"word_error_rate": 30.0}),
        Row("good", DEFAULTS, {"word_error_rate": 20.0}),
    ]
    lines = table([(row("main", None), rows)])
    assert [line.split()[0] for line in lines[2:4]] == ["good", "poor"]


def test_corpora_share_no_column() -> None:
    rows = [row("own", 31.0), row("other", 12.0, download__corpus="scan")]
    assert [line.split() for line in table([(row("main", 30.0), rows)])] == [
        ["toy"],
        ["params", "changed", "from", "the", "commit", "BLEU"],
        ["main", "30.00"],
        ["own", "31.00"],
        [],
        ["scan"],
        ["params", "changed", "from", "the", "commit", "BLEU"],
        ["main", "–"],
        ["other", "12.00"],
        ["download.corpus=scan"],
    ]


def test_many_changes_go_on_below() -> None:
    many = {f"section__a_rather_long_name_{place}": "a value" for place in range(20)}
    name = "an-experiment-with-a-name-that-is-longer-than-its-column"
    lines = table([(row("main", 1.0), [row(name, 2.0, **many)])])
    assert max(map(len, lines)) <= 80
    assert sum("a_rather_long_name" in line for line in lines) > 5
    assert all(name.replace("__", ".") in "\n".join(lines) for name in many)
    place = lines.index(f"  {name}")  # whole, as `dvc exp apply` needs it
    assert lines[place + 1].split() == ["2.00"]


def test_all_metrics_and_a_branch_with_a_long_name_fit() -> None:
    scores = dict.fromkeys(METRICS, 12.34)
    branch = "feature/" + "a-very-long-branch-name-" * 4
    for judge in METRICS:
        there = {judge: 1.0} | scores
        lines = table([(Row(branch, DEFAULTS, there), [Row("n" * 100, DEFAULTS, there)])])
        assert max(map(len, lines)) <= 80
        assert "12.34" in lines[-1] + lines[-2]


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def committed(finished: Path) -> Path:
    """A repository whose HEAD records a run, with an experiment that was interrupted."""
    (finished / ".gitignore").write_text("/mlflow.db*\n/models/\n/data/\n__pycache__/\n")
    git(finished, "init", "-q", "-b", "main")
    git(finished, "config", "user.name", "Ada")
    git(finished, "config", "user.email", "ada@example.org")
    git(finished, "add", ".")
    git(finished, "commit", "-qm", "a run")
    return finished


def edit(root: Path, old: str, new: str) -> None:
    text = (root / "params.yaml").read_text()
    assert old in text
    (root / "params.yaml").write_text(text.replace(old, new))


def lines_of(name: str) -> list[list[str]]:
    """The experiment's line, and that of its changes."""
    lines = [line.split() for line in list_experiments()]
    (place,) = [place for place, line in enumerate(lines) if line[:1] == [name]]
    return lines[place : place + 2]


def test_scores_stand_beside_their_own_params_alone(committed: Path) -> None:
    scored = ["6.00", "33.000"]
    assert lines_of("workspace")[0] == ["workspace", *scored]
    # Params that were edited since.
    edit(committed, "beam_size: 5", "beam_size: 9")
    assert lines_of("workspace") == [["workspace", "–", "–"], ["decode.beam_size=9"]]
    assert lines_of("main")[0] == ["main", *scored]
    # A state in between, kept as an experiment: new params beside the old lock and scores.
    git(committed, "add", ".")
    git(committed, "commit", "-qm", "interrupted")
    head = git(committed, "rev-parse", "HEAD~1")
    ref = f"refs/exps/{head[:2]}/{head[2:]}/beam"
    git(committed, "update-ref", ref, "HEAD")
    git(committed, "reset", "-q", "--hard", "HEAD~1")
    assert lines_of("beam") == [["beam", "–", "–"], ["decode.beam_size=9"]]
    # The whole run has scores, and other scores than those of its lock are not shown.
    edit(committed, "beam_size: 5", "beam_size: 9")
    run_stages(committed)
    write_lock(committed)
    assert lines_of("workspace") == [["workspace", "10.00", "33.000"], ["decode.beam_size=9"]]
    metrics = committed / "results/evaluate/metrics.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()), indent=1))
    assert lines_of("workspace")[0] == ["workspace", "–", "–"]
    for damaged in ("stages: [", "stages: 5", "\xff"):
        (committed / "dvc.lock").write_bytes(damaged.encode("latin-1"))
        assert lines_of("workspace")[0] == ["workspace", "–", "–"]


def test_the_results_of_two_processors_do_not_mix(
    committed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIP", "amd")
    run_stages(committed)
    # The scores of this processor beside the lock that another one left.
    assert lines_of("workspace")[0] == ["workspace", "–", "–"]
    write_lock(committed)
    assert lines_of("workspace")[0] == ["workspace", "9.00", "33.000"]
    assert lines_of("main")[0] == ["main", "6.00", "33.000"]
