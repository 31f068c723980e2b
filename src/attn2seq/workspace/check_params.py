"""Every error of params.yaml at once: its sections, and what no section can see alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.catalogue.entry import gives
from attn2seq.config import (
    ConfigError,
    Settings,
    collect_faults,
    format_faults,
    nearest,
    plain,
    shown,
)
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.features.settings import FeatureSettings
from attn2seq.model.settings import ModelSettings
from attn2seq.preparing.cleaning import normalise_text
from attn2seq.preparing.settings import DownloadSettings, PrepareSettings
from attn2seq.reading.languages import BLEU_TOKENIZERS, language_of
from attn2seq.report.settings import ReportSettings
from attn2seq.sources.named import resolve
from attn2seq.sources.vectors import read_vectors_entry
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.training.settings import TrainSettings
from attn2seq.workspace.paths import PARAMS
from attn2seq.workspace.recording_faults import recording_faults
from attn2seq.workspace.track_settings import TrackSettings

SECTIONS: dict[str, type[Settings]] = {
    "download": DownloadSettings,
    "prepare": PrepareSettings,
    "tokenize": TokenizeSettings,
    "features": FeatureSettings,
    "model": ModelSettings,
    "train": TrainSettings,
    "decode": DecodeSettings,
    "evaluate": EvaluateSettings,
    "report": ReportSettings,
    "track": TrackSettings,
}


def check_params(values: Mapping[str, Any], catalogue: Path) -> None:
    """Raises ConfigError that lists every fault of every section."""
    records, faults = collect_faults(SECTIONS, values)
    for name in (name for name in values if name not in SECTIONS):
        guess = nearest(name, list(SECTIONS))
        hint = f"did you mean {guess}?" if guess else f"known: {', '.join(SECTIONS)}"
        faults.append(f"{plain(name)}: unknown section ({hint})")
    faults += _combination_faults(records)
    download = records.get("download")
    if isinstance(download, DownloadSettings):
        faults += _corpus_faults(catalogue, download, records.get("prepare"))
        faults += recording_faults(catalogue, download, records)
    if faults:
        raise ConfigError(format_faults(str(PARAMS), faults))


def warnings_of(values: Mapping[str, Any], catalogue: Path) -> list[str]:
    """What sound params should be told of."""
    entry = read_catalogue_entry(catalogue, values["download"]["corpus"])
    needed = BLEU_TOKENIZERS.get(language_of(entry.tgt_lang) or "")
    if needed and entry.bleu_tokenizer in ("13a", "intl"):
        return [
            f"{catalogue / entry.name}.yaml: {entry.tgt_lang} is written without spaces, where "
            f"bleu_tokenizer {entry.bleu_tokenizer} would cut: set it to {needed}"
        ]
    return []


def _combination_faults(records: Mapping[str, Settings]) -> list[str]:
    """What no section can see alone."""
    faults = _vocabulary_faults(records)
    model, tokenize, decode = (records.get(name) for name in ("model", "tokenize", "decode"))
    if (
        isinstance(model, ModelSettings)
        and isinstance(decode, DecodeSettings)
        and model.attention == "none"
        and decode.coverage_penalty
    ):
        faults.append(
            "decode.coverage_penalty: it uses attention weights, but model.attention is none: "
            "set it to 0"
        )
    prepare = records.get("prepare")
    if (
        isinstance(prepare, PrepareSettings)
        and prepare.min_character_score
        and not (prepare.src_script or prepare.tgt_script)
    ):
        faults.append(
            "prepare.min_character_score: no script is named: set prepare.src_script or "
            "tgt_script, or it to 0.0"
        )
    download, train = records.get("download"), records.get("train")
    if (
        isinstance(model, ModelSettings)
        and isinstance(download, DownloadSettings)
        and model.freeze_embeddings
        and not (download.src_vectors or download.tgt_vectors)
    ):
        faults.append(
            "model.freeze_embeddings: without pretrained vectors embeddings would stay as they "
            "were drawn: name some in download.src_vectors or tgt_vectors, or set it to false"
        )
    if (
        isinstance(model, ModelSettings)
        and isinstance(train, TrainSettings)
        and train.r_drop
        and not _has_dropout(model)
    ):
        faults.append(
            "train.r_drop: two passes without dropout are identical: set one of "
            "model.embedding_dropout, layer_dropout (of use with two layers on a side) and "
            "readout_dropout above 0, or r_drop to 0.0"
        )
    if (
        isinstance(model, ModelSettings)
        and isinstance(train, TrainSettings)
        and train.ctc_weight
        and model.reverse_source
    ):
        faults.append(
            "train.ctc_weight: CTC aligns source and target in order, and model.reverse_source "
            "turns the source round: set it to false, or ctc_weight to 0.0"
        )
    if not isinstance(model, ModelSettings) or not isinstance(tokenize, TokenizeSettings):
        return faults
    if model.tie_embeddings == "all" and not tokenize.joint_vocabulary:
        faults.append(
            "model.tie_embeddings: all needs one vocabulary for both sides: set "
            "tokenize.joint_vocabulary to true, or tie_embeddings to target"
        )
    if model.copying and not tokenize.joint_vocabulary:
        faults.append(
            "model.copying: a source piece can only be copied where it is a target piece too: set "
            "tokenize.joint_vocabulary to true, or model.copying to false"
        )
    return faults


def _has_dropout(model: ModelSettings) -> bool:
    """Whether any dropout acts; that between layers needs two of them on a side."""
    between = model.layer_dropout if max(model.encoder_layers, model.decoder_layers) > 1 else 0.0
    return bool(model.embedding_dropout or between or model.readout_dropout)


def _vocabulary_faults(records: Mapping[str, Settings]) -> list[str]:
    """What training and cleaning ask of the vocabularies."""
    faults: list[str] = []
    prepare, tokenize, train = (records.get(name) for name in ("prepare", "tokenize", "train"))
    if not isinstance(tokenize, TokenizeSettings):
        return faults
    types = {tokenize.model_type, tokenize.tgt_model_type}
    if isinstance(train, TrainSettings):
        for key, value, needed in (
            ("subword_nbest", train.subword_nbest, "unigram"),
            ("bpe_dropout", train.bpe_dropout, "bpe"),
        ):
            if value and needed not in types:
                faults.append(
                    f"train.{key}: {value} needs a {needed} vocabulary on one side at least: set "
                    f"tokenize.model_type to {needed}, or train.{key} to 0"
                )
    if isinstance(prepare, PrepareSettings):
        for symbol in tokenize.user_defined_symbols:
            clean = normalise_text(symbol, prepare.unicode_form)
            if clean != symbol:
                faults.append(
                    f"tokenize.user_defined_symbols: {shown(symbol)} occurs in no text, since "
                    f"prepare.unicode_form {prepare.unicode_form} changes it to {shown(clean)}"
                )
    return faults


def _corpus_faults(
    catalogue: Path, download: DownloadSettings, prepare: Settings | None
) -> list[str]:
    """What the catalogue's entries say against the settings."""
    faults = []
    try:
        entry = read_catalogue_entry(catalogue, download.corpus)
    except UserError as error:
        faults.append(f"download.corpus: {error}")
    else:
        try:
            resolve(entry)
        except UserError as error:
            faults.append(f"download.corpus: {error}")
        if isinstance(prepare, PrepareSettings) and prepare.dev_share and gives(entry, "dev"):
            faults.append(
                f"prepare.dev_share: {download.corpus} has a dev set of its own; set it to 0"
            )
    for side in ("src", "tgt"):
        name = getattr(download, f"{side}_vectors")
        if not name:
            continue
        path = catalogue / "vectors" / f"{name}.yaml"
        # A name that the catalogue lacks is a file in data/local/, which the download stage reads.
        if "/" not in name and path.is_file():
            try:
                read_vectors_entry(path)
            except UserError as error:
                faults.append(f"download.{side}_vectors: {error}")
    return faults
