"""Clean the raw pairs and split them into train, dev and test."""

from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.workspace.paths import PREPARE_METRICS, PREPARED, RAW
from attn2seq.workspace.stage import Stage, rare_collections, run_stage


def main(stage: Stage) -> None:
    """Read data/raw, write data/prepared and the account of pairs kept and dropped."""
    settings = stage.settings(PrepareSettings)
    with rare_collections():
        prepare_corpus(RAW, PREPARED, PREPARE_METRICS, settings, stage.say)
    stage.say_result(f"{PREPARED} and {PREPARE_METRICS}")


if __name__ == "__main__":
    run_stage("prepare", main)
