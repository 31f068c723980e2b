"""What a step of the tests leaves behind, and what must hold of a run that is complete."""

from dataclasses import dataclass

from shown_runs import ShownRun
from tiny_repository import Repository
from tiny_task import SIZES

SCORES = {
    "bleu", "chrf", "ter", "rouge1", "rouge2", "rougeL", "exact_match", "perplexity",
    "bits_per_character", "accuracy",
}  # fmt: skip
CURVES = ("train/loss", "train/learning_rate", "train/grad_norm", "train/tokens")


@dataclass(frozen=True)
class Step:
    """A repository, what the commands of the step printed, and the runs shown after it."""

    repository: Repository
    said: tuple[str, ...]
    runs: tuple[ShownRun, ...]


@dataclass(frozen=True)
class Twins(Step):
    """The main repository after its first build, and a clone built from the same commit."""

    digests: dict[str, str]  # of the main one then; later steps change it
    pristine: Repository  # the clone, which tracks no runs; only to be copied


@dataclass(frozen=True)
class Brief:
    """What comes of a training of three epochs where nothing goes wrong."""

    built: Repository
    digests: dict[str, str]
    run: ShownRun


def stages_run(said: str) -> list[str]:
    """The stages that DVC ran, and did not skip or take from its cache."""
    lines = [line for line in said.splitlines() if line.startswith("Running stage '")]
    return [line.split("'")[1] for line in lines]


def assert_complete(run: ShownRun) -> None:
    """Params, curves, scores, tags, data sets, files and the model: all that a run has."""
    assert run.status == "FINISHED"
    sections = {name.partition(".")[0] for name in run.params}
    assert sections == {
        "download", "prepare", "tokenize", "features", "model", "train", "decode", "evaluate",
    }  # fmt: skip
    steps = int(run.score("train/steps"))
    for key in CURVES:
        points = sorted(run.curves[key])
        gaps = [after - before for before, after in zip([0, *points], points, strict=False)]
        assert max(gaps) <= 50, f"{key} has points at {points}"
        assert points[-1] == steps
    assert max(run.curves["dev/loss"]) == steps
    assert {f"{split}/{key}" for split in ("dev", "test") for key in SCORES} <= set(run.curves)
    twice = {key for key, count in run.points_sent.items() if count != len(run.curves[key])}
    assert not twice, f"points logged twice: {twice}"
    assert set(run.data_sets) == {f"reversed/{split}" for split in SIZES}
    assert {"run_fingerprint", "train_fingerprint", "corpus", "git_dirty"} <= set(run.tags)
    assert len(run.tags["mlflow.source.git.commit"]) == 40
    assert run.name == run.tags.get("dvc_exp_name", run.name)
    files = {
        "params.yaml", "prepare/metrics.json", "train/history.csv", "train/metrics.json",
        "decode/dev/hypotheses.txt", "decode/test/hypotheses.txt", "decode/test/nbest_head.jsonl",
        "evaluate/metrics.json", "evaluate/signatures.json", "report/index.html",
    }  # fmt: skip
    assert files <= run.artifacts, f"missing: {files - run.artifacts}"
    parts = ("model.safetensors", "config.json", "README.md", "src.model", "tgt.model")
    assert {f"artifacts/model/{part}" for part in parts} <= run.model_files
