"""A model folder for others to have: the model, its card with metadata, and a list of checksums.

    model.safetensors  config.json  src.model  tgt.model  members/<name>/...  README.md  SHA256SUMS

`sha256sum -c SHA256SUMS` checks it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn2seq.card_metadata import read_metadata
from attn2seq.config import validate
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.config_file import CONFIG, MEMBERS, read_config
from attn2seq.model_card import loaded_from
from attn2seq.model_folder import ModelFolder
from attn2seq.packaging import CARD, copy_model
from attn2seq.whole import whole_folder

SUMS = "SHA256SUMS"
WEIGHTS = "model.safetensors"
# How a card gets what the hub asks for, where the stage `package` has not written it.
_BY_HAND = (
    "write it at the top, as `---`, `license: <identifier>`, `language: [en, de]`, `---`, each on "
    "its line (https://huggingface.co/docs/hub/model-cards)"
)


@dataclass(frozen=True)
class Published:
    """What was written."""

    files: int
    megabytes: float
    licence: str  # as the card names it


def write_for_hub(model: ModelFolder, target: Path, address: str | None = None) -> Published:
    """Write the model to the folder `target`, which must be new, empty, or hold the same already.

    With an `address` the card's example loads it from there. Raises UserError where the model is
    not whole, its card names no licence, or the folder holds something else.
    """
    card = _card(model)
    licence = _licence(model, card)
    with whole_folder(target) as folder:
        copy_model(model.path, folder)
        for name in _members(model):
            (folder / MEMBERS / name).mkdir(parents=True)
            copy_model(model.path / MEMBERS / name, folder / MEMBERS / name)
        text = card if address is None else loaded_from(card, address)
        (folder / CARD).write_text(text, encoding="utf-8")
        sums = _checked_sums(folder)
        lines = [f"{digest}  {name}\n" for name, digest in sums.items()]
        (folder / SUMS).write_text("".join(lines), encoding="utf-8")
        _refuse_other_contents(target, folder)
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    return Published(len(sizes), sum(sizes) / 1e6, licence)


def _card(model: ModelFolder) -> str:
    path = model.path / CARD
    if not model.complete:
        raise UserError(
            f"{model.path} is not complete by itself: publish the folder that the stage package "
            "writes, models/model (`make repro`)"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): a model is published with its card"
        ) from None


def _licence(model: ModelFolder, card: str) -> str:
    values = read_metadata(card, model.path / CARD)
    licence = values.get("license")
    if not isinstance(licence, str) or not licence:
        raise UserError(
            f"{model.path / CARD} names no licence. The stage package writes that of the corpus "
            f"(`make repro`); or {_BY_HAND}"
        )
    name = values.get("license_name")
    return licence if name is None else f"{licence} ({name})"


def _members(model: ModelFolder) -> list[str]:
    settings: Any = validate({"decode": DecodeSettings}, {"decode": model.decode}, model.told_by)
    ensemble: list[str] = settings["decode"].ensemble
    return ensemble


def _checked_sums(folder: Path) -> dict[str, str]:
    """File -> sha256. Raises UserError where weights are not those of the config.json beside."""
    sums = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(folder).as_posix()
        if path.name == WEIGHTS and read_config(path.parent / CONFIG).weights_sha256 != digest:
            raise UserError(
                f"{name} is damaged, or not the one of its {CONFIG}: copy the whole model folder "
                "again, or train it again"
            )
        sums[name] = digest
    return sums


def _refuse_other_contents(target: Path, folder: Path) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    wanted, found = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (folder, target)
    )
    if wanted != found:
        raise UserError(f"{target} is there and holds something else: name another folder")
