"""Put the model and all it needs into one folder, which works wherever it is copied."""

import json
import re

from attn2seq.catalogue.catalogue import read_raw_entry
from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.model.config_file import CONFIG, read_config
from attn2seq.model_card import model_card
from attn2seq.packaging import texts_of, write_model_folder
from attn2seq.preparing.settings import PrepareSettings
from attn2seq.runs.beside import complete
from attn2seq.sources.named import HUB
from attn2seq.workspace.code_digests import noted_digest
from attn2seq.workspace.fingerprint import RUN_STAGES
from attn2seq.workspace.paths import CORPUS, ENSEMBLE, MODEL, RAW, SCORES, SIGNATURES, TRAINED
from attn2seq.workspace.stage import Stage, run_stage


def main(stage: Stage) -> None:
    """Read models/trained, the models of data/ensemble that decode.ensemble names,
    data/raw/corpus.yaml, data/prepared/corpus.json and results/evaluate; write models/model.
    """
    decode = stage.settings(DecodeSettings, "decode")
    form = stage.settings(PrepareSettings, "prepare").unicode_form
    facts, metrics, signatures = (
        json.loads(path.read_text(encoding="utf-8")) for path in (CORPUS, SCORES, SIGNATURES)
    )
    architecture = read_config(TRAINED / CONFIG).model
    code = noted_digest(stage.root, RUN_STAGES)
    datasets = hub_datasets(read_raw_entry(RAW))
    card = model_card(facts, architecture, decode, metrics, signatures, code, datasets)
    members = {name: ENSEMBLE / name for name in decode.ensemble}
    texts = texts_of(facts, form, str(CORPUS))
    write_model_folder(MODEL, TRAINED, members, texts, decode, card)
    stage.say_result(MODEL)


def hub_datasets(entry: CatalogueEntry) -> list[str]:
    """The hub's data sets that the corpus's files are from, as `Helsinki-NLP/opus-100`."""
    urls = [file.url or "" for file in entry.files]
    found = [re.match(rf"{re.escape(HUB)}/(.+)/resolve/", url) for url in urls]
    return sorted({match[1] for match in found if match})


if __name__ == "__main__":
    run_stage("package", main, then=complete)
