"""What params.yaml asks for that recordings as sources cannot give."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.config import Settings
from attn2seq.errors import UserError
from attn2seq.model.settings import ModelSettings
from attn2seq.preparing.settings import DownloadSettings, PrepareSettings
from attn2seq.training.settings import TrainSettings

PACKAGES = ("jiwer", "kaldi_native_fbank", "soundfile")


def recording_faults(
    catalogue: Path, download: DownloadSettings, records: Mapping[str, Settings]
) -> list[str]:
    """Every fault; none where the corpus's sources are texts, or its entry cannot be read."""
    try:
        entry = read_catalogue_entry(catalogue, download.corpus)
    except UserError:
        return []
    if entry.recordings is None:
        return []
    why = f"the sources of {entry.name} are recordings"
    faults = []
    if lacking := [name.replace("_", "-") for name in PACKAGES if find_spec(name) is None]:
        faults.append(
            f"download.corpus: {why}, and {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not installed: "
            "pip install 'attn2seq[speech]'"
        )
    if download.src_vectors:
        faults.append(f'download.src_vectors: {why}, which have no words: set it to ""')
    model, train, prepare = (records.get(name) for name in ("model", "train", "prepare"))
    if isinstance(model, ModelSettings):
        for key, found, unwanted, wanted in (
            ("tie_embeddings", model.tie_embeddings, "all", "target or none"),
            ("copying", model.copying, True, "false"),
            ("reverse_source", model.reverse_source, True, "false"),
        ):
            if found == unwanted:
                faults.append(f"model.{key}: {why}, which have no pieces: set it to {wanted}")
    if isinstance(train, TrainSettings):
        if train.too_long == "truncate":
            faults.append(
                f"train.too_long: {why}, of which a part has only a part of the text: set it to "
                "drop"
            )
        if train.src_word_dropout:
            faults.append(f"train.src_word_dropout: {why}, which have no words: set it to 0.0")
    if isinstance(prepare, PrepareSettings):
        for key, off in (
            ("max_length_ratio", 0.0),
            ("max_similarity", 1.0),
            ("src_script", ""),
            ("min_language_id_score", 0.0),
        ):
            if getattr(prepare, key) != off:
                shown = '""' if off == "" else off
                faults.append(f"prepare.{key}: {why}, and no text: set it to {shown}")
    return faults
