"""Learn the vocabularies of the prepared pairs and write their token ids."""

from pathlib import Path

from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import tokenize_splits
from pipeline.stage import Stage, run_stage

PREPARED, TOKENIZED = Path("data/prepared"), Path("data/tokenized")


def main(stage: Stage) -> None:
    """Read data/prepared, write data/tokenized."""
    settings = stage.settings(TokenizeSettings)
    tokenize_splits(PREPARED, TOKENIZED, settings, stage.say)
    stage.say_result(TOKENIZED)


if __name__ == "__main__":
    run_stage("tokenize", main)
