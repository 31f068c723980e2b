"""Put the model and all it needs into one folder, which works wherever it is copied."""

import hashlib
import json
from pathlib import Path

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.model.config_file import CONFIG, read_config
from attn2seq.model_card import model_card
from attn2seq.packaging import texts_of, write_model_folder
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.runs.beside import complete
from attn2seq.workspace.fingerprint import RUN_STAGES
from attn2seq.workspace.stage import ENSEMBLE, Stage, run_stage

TRAINED, MODEL = Path("models/trained"), Path("models/model")
CORPUS, SCORES = Path("data/prepared/corpus.json"), Path("results/evaluate")
CODE = Path("results/code")


def main(stage: Stage) -> None:
    """Read models/trained, the models of data/ensemble that decode.ensemble names,
    data/prepared/corpus.json and results/evaluate; write models/model.
    """
    decode = stage.settings(DecodeSettings, "decode")
    form = stage.settings(PrepareSettings, "prepare").unicode_form
    facts, metrics, signatures = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in (CORPUS, SCORES / "metrics.json", SCORES / "signatures.json")
    )
    architecture = read_config(TRAINED / CONFIG).model
    card = model_card(facts, architecture, decode, metrics, signatures, code_digest(CODE))
    members = {name: ENSEMBLE / name for name in decode.ensemble}
    texts = texts_of(facts, form, str(CORPUS))
    write_model_folder(MODEL, TRAINED, members, texts, decode, card)
    stage.say_result(MODEL)


def code_digest(folder: Path) -> str | None:
    """An md5 for the code digests of all stages that the scores follow from, where they are
    written.
    """
    files = [folder / f"{stage}.txt" for stage in RUN_STAGES]
    if not all(file.is_file() for file in files):
        return None
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    run_stage("package", main, then=complete)
