"""The real stages under DVC, in a repository of their own, on a task learnt to perfection."""

import json

import pytest
from finished_steps import SCORES, Twins, assert_complete, stages_run
from tiny_repository import Repository
from tiny_task import SIZES

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow
STAGES = (
    "code", "check", "download", "prepare", "tokenize", "train", "decode", "evaluate", "package",
    "report",
)  # fmt: skip
SIDES = [f"{split}.{side}" for split in SIZES for side in ("src", "tgt")]
FILES = (
    "results/check/ok",
    "data/raw/corpus.yaml",
    *(f"data/raw/reversed.{split}.tsv" for split in SIZES),
    *(f"data/prepared/{split}.parquet" for split in SIZES),
    "data/prepared/corpus.json",
    "results/prepare/metrics.json",
    "data/tokenized/src.model",
    "data/tokenized/tgt.model",
    *(f"data/tokenized/{side}.{part}.npy" for side in SIDES for part in ("ids", "offsets")),
    *(
        f"models/{folder}/{name}"
        for folder in ("trained", "model")
        for name in ("model.safetensors", "config.json", "src.model", "tgt.model")
    ),
    "models/model/README.md",
    "results/train/history.csv",
    "results/train/metrics.json",
    *(
        f"results/decode/{split}/{name}"
        for split in ("dev", "test")
        for name in ("hypotheses.txt", "nbest.jsonl", "attention.npz", "reference_nats.parquet")
    ),
    "results/evaluate/metrics.json",
    "results/evaluate/signatures.json",
    "results/evaluate/sentences.parquet",
    "results/report/index.html",
)


def test_the_stages_learn_the_task_to_perfection(twins: Twins) -> None:
    said = twins.said[0]
    assert stages_run(said) == list(STAGES), said
    root = twins.repository.root
    assert [name for name in FILES if not (root / name).is_file()] == []
    scores = json.loads((root / "results/evaluate/metrics.json").read_text(encoding="utf-8"))
    assert {split: set(values) for split, values in scores.items()} == {
        "dev": SCORES,
        "test": SCORES,
    }
    assert scores["test"]["bleu"] >= 95, scores
    assert scores["test"]["exact_match"] >= 95, scores
    sources = (root / "data/local/reversed.test.tsv").read_text(encoding="utf-8").splitlines()
    wanted = [line.partition("\t")[2] for line in sources]
    found = (root / "results/decode/test/hypotheses.txt").read_text(encoding="utf-8").splitlines()
    right = [line == target for line, target in zip(found, wanted, strict=True)]
    assert scores["test"]["exact_match"] == round(100 * sum(right) / len(right), 4)
    train = json.loads((root / "results/train/metrics.json").read_text(encoding="utf-8"))
    assert set(train) == {
        "steps", "epochs", "best_step", "parameters", "train_loss", "dev_loss", "dev_perplexity",
        "dev_accuracy",
    }  # fmt: skip
    prepare = json.loads((root / "results/prepare/metrics.json").read_text(encoding="utf-8"))
    assert {split: prepare[split]["kept"] for split in SIZES} == SIZES


def test_a_second_repro_runs_no_stage(twins: Twins) -> None:
    said = twins.said[1]
    assert stages_run(said) == []
    assert "Data and pipelines are up to date." in said


def test_the_run_is_complete_after_dvc_repro_alone(twins: Twins) -> None:
    (run,) = twins.runs
    assert_complete(run)
    scores = json.loads(
        (twins.repository.root / "results/evaluate/metrics.json").read_text(encoding="utf-8")
    )
    assert {key: run.score(f"test/{key}") for key in SCORES} == scores["test"]
    assert run.params["decode.beam_size"] == "2"
    assert run.tags["git_dirty"] == "false"
    first = twins.repository.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    assert run.tags["mlflow.source.git.commit"] == first
    assert {key for key in run.curves if key.startswith("time/")} == {
        f"time/{stage}_seconds" for stage in STAGES if stage not in ("code", "check")
    }


def test_the_logged_model_does_the_task(
    twins: Twins, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (run,) = twins.runs
    program = (
        "import sys, mlflow\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model(sys.argv[2])\n"
        "print([answer.translation for answer in model.predict(['abcdefg', 'hhgab'])])"
    )
    elsewhere = Repository(tmp_path_factory.mktemp("elsewhere"))
    database = f"sqlite:///{twins.repository.root / 'mlflow.db'}"
    said = elsewhere.run("python", "-c", program, database, f"models:/{run.tags['model_id']}")
    assert "['GFEDCBA', 'BAGHH']" in said, said


@pytest.mark.promise("deterministic")
def test_the_same_commit_gives_the_same_bytes_elsewhere(twins: Twins) -> None:
    here, there = twins.digests, twins.pristine.digests()
    assert {"models/model", "results/decode", "results/report"} <= set(here)
    report = {key: found.pop("results/report") for key, found in (("here", here), ("there", there))}
    assert here == there
    # The reports name the one setting that is another.
    assert report["here"] != report["there"]
    page, other = (
        (root / "results/report/index.html").read_text(encoding="utf-8")
        for root in (twins.repository.root, twins.pristine.root)
    )
    tracked = '<th scope="row">enabled</th><td><code>{}</code></td>'
    assert page.replace(tracked.format("true"), tracked.format("false")) == other
