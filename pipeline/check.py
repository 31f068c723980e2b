"""Look at the whole of params.yaml and the corpus's catalogue entry before any work starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attn2seq.config import ConfigError, Settings, collect_faults, format_faults, nearest, plain
from attn2seq.corpus.catalogue import read_catalogue_entry
from attn2seq.corpus.settings import DownloadSettings, PrepareSettings
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.model.settings import ModelSettings
from attn2seq.report.settings import ReportSettings
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.training.settings import TrainSettings
from pipeline.stage import PARAMS, Stage, run_stage
from pipeline.track_settings import TrackSettings

SECTIONS: dict[str, type[Settings]] = {
    "download": DownloadSettings,
    "prepare": PrepareSettings,
    "tokenize": TokenizeSettings,
    "model": ModelSettings,
    "train": TrainSettings,
    "decode": DecodeSettings,
    "evaluate": EvaluateSettings,
    "report": ReportSettings,
    "track": TrackSettings,
}
OK = Path("results/check/ok")


def main(stage: Stage) -> None:
    check_params(stage.params, Path("data/catalogue"))
    OK.parent.mkdir(parents=True, exist_ok=True)
    OK.write_text("params.yaml is sound\n", encoding="utf-8")
    stage.say("params.yaml is sound")


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
        try:
            read_catalogue_entry(catalogue, download.corpus)
        except UserError as error:
            faults.append(f"download.corpus: {error}")
    if faults:
        raise ConfigError(format_faults(str(PARAMS), faults))


def _combination_faults(records: Mapping[str, Settings]) -> list[str]:
    """What no section can see alone."""
    faults = []
    model, tokenize = records.get("model"), records.get("tokenize")
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


if __name__ == "__main__":
    run_stage("check", main)
