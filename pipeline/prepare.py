"""Clean the raw pairs and split them into train, dev and test."""

from pathlib import Path

from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.workspace.stage import Stage, rare_collections, run_stage

RAW, PREPARED, METRICS = (
    Path("data/raw"),
    Path("data/prepared"),
    Path("results/prepare/metrics.json"),
)


def main(stage: Stage) -> None:
    """Read data/raw, write data/prepared and the account of pairs kept and dropped."""
    settings = stage.settings(PrepareSettings)
    with rare_collections():
        prepare_corpus(RAW, PREPARED, METRICS, settings, stage.say)
    stage.say_result(f"{PREPARED} and {METRICS}")


if __name__ == "__main__":
    run_stage("prepare", main)
