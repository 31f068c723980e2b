"""Clean the raw pairs and split them into train, dev and test."""

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.preparing.prepare import prepare_corpus
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.workspace.paths import LOCAL, PREPARE_METRICS, PREPARED, RAW
from attn2seq.workspace.stage import Stage, rare_collections, run_stage


def main(stage: Stage) -> None:
    """Read data/raw, write data/prepared and the account of pairs kept and dropped."""
    settings = stage.settings(PrepareSettings)
    try:
        with rare_collections():
            prepare_corpus(RAW, PREPARED, PREPARE_METRICS, settings, stage.say)
    except UserError as error:
        raise UserError(as_the_user_has_it(str(error))) from None
    stage.say_result(f"{PREPARED} and {PREPARE_METRICS}")


def as_the_user_has_it(message: str) -> str:
    """An error in a file of data/raw that came from data/local is mended there: named so."""
    for name, file in read_raw_entry(RAW).stored().items():
        if file.path is not None:
            message = message.replace(str(RAW / plain(name)), str(LOCAL / plain(file.path)))
    return message


if __name__ == "__main__":
    run_stage("prepare", main)
