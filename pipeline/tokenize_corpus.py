"""Learn the vocabularies of the prepared pairs and write their token ids."""

from attn2seq.features.settings import FeatureSettings
from attn2seq.preparing.settings import START_FOLDER
from attn2seq.sources.vectors import raw_vectors
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.splits import tokenize_splits
from attn2seq.workspace.paths import PREPARED, RAW, TOKENIZED
from attn2seq.workspace.stage import Stage, rare_collections, run_stage


def main(stage: Stage) -> None:
    """Read data/prepared, and of data/raw what a model starts from; write data/tokenized."""
    settings = stage.settings(TokenizeSettings)
    with rare_collections():
        start = RAW / START_FOLDER
        tokenize_splits(
            PREPARED,
            TOKENIZED,
            settings,
            stage.say,
            raw_vectors(RAW),
            start if start.is_dir() else None,
            stage.settings(FeatureSettings, "features"),
        )
    stage.say_result(TOKENIZED)


if __name__ == "__main__":
    run_stage("tokenize", main)
