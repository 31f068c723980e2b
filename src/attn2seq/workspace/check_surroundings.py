"""What sound params need of the machine and the workspace: files, models, a GPU."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.config import ConfigError, Settings, collect_faults, format_faults, some
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.config_file import CONFIG, differing, read_config
from attn2seq.model.settings import ModelSettings
from attn2seq.preparing.settings import DownloadSettings
from attn2seq.reading.names import as_written
from attn2seq.sources.vectors import find_vectors
from attn2seq.workspace.check_params import SECTIONS
from attn2seq.workspace.paths import LOCAL, PARAMS, TRAINED


def check_surroundings(
    values: Mapping[str, Any], catalogue: Path, local: Path, ensemble: Path
) -> None:
    """What params that are sound in themselves need here: files, models, a GPU.

    Raises ConfigError that lists every fault, long before a stage looks for them.
    """
    records, _ = collect_faults(SECTIONS, values)
    faults: list[str] = []
    download, train, decode = (records.get(name) for name in ("download", "train", "decode"))
    if isinstance(download, DownloadSettings):
        faults += _missing_file_faults(download, catalogue, local)
        faults += _start_faults(download, records.get("model"))
    if isinstance(decode, DecodeSettings):
        faults += _ensemble_faults(decode.ensemble, ensemble)
    for section, settings in (("train", train), ("decode", decode)):
        if getattr(settings, "device", None) == "cuda" and not has_nvidia_driver():
            faults.append(
                f"{section}.device: cuda, but no NVIDIA driver is installed on this machine: set "
                "it to auto, which takes a GPU where there is one, or to cpu"
            )
    if faults:
        raise ConfigError(format_faults(str(PARAMS), faults))


def _missing_file_faults(download: DownloadSettings, catalogue: Path, local: Path) -> list[str]:
    faults = []
    entry = read_catalogue_entry(catalogue, download.corpus)
    for file in entry.files:
        if file.path is not None and not as_written(local / file.path).is_file():
            faults.append(
                f"download.corpus: {local / file.path} is missing, which "
                f"{catalogue / entry.name}.yaml names: put it there, or correct files.path. A "
                "queued experiment sees a file only once git tracks it (`git add`)"
            )
    for side in ("src", "tgt"):
        if name := getattr(download, f"{side}_vectors"):
            try:
                find_vectors(catalogue, local, name)
            except UserError as error:
                faults.append(f"download.{side}_vectors: {error}")
    return faults


def _start_faults(download: DownloadSettings, model: Settings | None) -> list[str]:
    """What speaks against the model to start from, where it is a folder that can be looked at."""
    key, folder = "download.start_from", Path(download.start_from)
    if not download.start_from:
        return []
    if download.src_vectors or download.tgt_vectors:
        return [
            f"{key}: a trained model has embeddings of its own: set src_vectors and tgt_vectors to "
            '"", or start_from'
        ]
    if not folder.is_dir():
        return []  # a revision or an address, which the download stage looks up
    if folder.resolve().is_relative_to(TRAINED.parent.resolve()):
        return [
            f"{key}: the run replaces what is in {TRAINED.parent}: copy {folder} elsewhere, to "
            f"{LOCAL / folder.name} for one, and name the copy"
        ]
    try:
        found = read_config(folder / CONFIG).model
    except UserError as error:
        return [f"{key}: {error}"]
    return [
        f"{key}: {difference}: make them equal"
        for difference in (differing(model, found) if isinstance(model, ModelSettings) else [])
    ]


def has_nvidia_driver() -> bool:
    """Whether a GPU may be there; torch, which knows, takes seconds to be imported."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _ensemble_faults(names: list[str], ensemble: Path) -> list[str]:
    there = sorted(path.parent.name for path in ensemble.glob("*/config.json"))
    return [
        f"decode.ensemble: {ensemble / name} holds no model (there: {some(there)}): copy a model's "
        "folder there, or leave the name out"
        for name in names
        if name not in there
    ]
