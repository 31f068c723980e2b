"""A model folder that is complete by itself, as the stage `package` leaves it.

    model.safetensors  config.json  src.model  tgt.model  README.md  members/<name>/...

config.json holds the architecture, what the texts are, and the settings that the model was scored
with; `members` the further models of an ensemble. Nothing in it differs from run to run.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.config import Settings, validate
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.config_file import COMPLETE_FORMAT, CONFIG, MEMBERS, read_config
from attn2seq.preparing.settings import UnicodeForm
from attn2seq.whole import whole_folder

CARD = "README.md"


class Dialogue(Settings):
    """How the source of a reply is made of the turns before it."""

    context_turns: int
    separator: str  # between the turns


class Texts(Settings):
    """What a model's texts are: the section `texts` of its config.json."""

    corpus: str  # its name in the catalogue
    task: str
    src_lang: str
    tgt_lang: str
    unicode_form: UnicodeForm  # of the texts that it was trained with
    dialogue: Dialogue | None = None  # where targets are replies


def texts_of(facts: Mapping[str, Any], unicode_form: UnicodeForm, source: str) -> Texts:
    """From the corpus's facts as prepare wrote them to `source`. Raises ConfigError."""
    values = {
        "corpus": facts.get("name"),
        "unicode_form": unicode_form,
        **{key: facts.get(key) for key in ("task", "src_lang", "tgt_lang", "dialogue")},
    }
    texts = validate({"texts": Texts}, {"texts": values}, source)["texts"]
    assert isinstance(texts, Texts)
    return texts


def write_model_folder(
    target: Path,
    trained: Path,
    members: Mapping[str, Path],
    texts: Texts,
    decode: DecodeSettings,
    card: str,
) -> None:
    """Put a trained model and all it needs into the folder `target`.

    `members` are the folders of the models that decode.ensemble names. Raises UserError where one
    of them is no model, or where the disk is full.
    """
    config = read_config(trained / CONFIG).model_dump(exclude_none=True)
    config |= {
        "format": COMPLETE_FORMAT,
        "texts": texts.model_dump(exclude_none=True),
        "decode": decode.model_dump(),
    }
    with whole_folder(target) as folder:
        copy_model(trained, folder)
        for name, member in members.items():
            (folder / MEMBERS / name).mkdir(parents=True)
            copy_model(member, folder / MEMBERS / name)
        text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / CONFIG).write_text(text, encoding="utf-8")
        (folder / CARD).write_text(card, encoding="utf-8")


def copy_model(source: Path, folder: Path) -> None:
    """The files of one model into an existing folder. Raises UserError where one is missing."""
    for name in read_config(source / CONFIG).files:
        if not (source / name).is_file():
            raise UserError(f"{source} holds no model ({name} is missing): train one again")
        # Content alone: what DVC keeps may be read-only.
        shutil.copyfile(source / name, folder / name)
