"""Decode the sources of dev and test, and score their references with the model."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from attn2seq.decoding.outputs import write_decoded
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.transcriber import Transcriber
from attn2seq.decoding.translator import Translator
from attn2seq.features.prepared_audio import audio_at, recording_file, sample_rate_of
from attn2seq.model.device import describe_device, fix_cublas_workspace, tune_cpu
from attn2seq.workspace.paths import DECODED, ENSEMBLE, PREPARED, TRAINED
from attn2seq.workspace.stage import Stage, run_stage

SECONDS_BETWEEN_LINES = 20


def main(stage: Stage) -> None:
    """Read models/trained, those of data/ensemble that are asked for, and data/prepared; write
    results/decode.
    """
    settings = stage.settings(DecodeSettings)
    tune_cpu()
    fix_cublas_workspace()
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    further = [ENSEMBLE / name for name in settings.ensemble]
    spoken = sample_rate_of(PREPARED) is not None
    kind = Transcriber if spoken else Translator
    translator = kind(TRAINED, settings, stage.say, further)
    number_type = str(translator.number_type).removeprefix("torch.")
    stage.say(f"on {describe_device(translator.device)}, {number_type}, {described(settings)}")
    for split in ("dev", "test"):
        pairs = pd.read_parquet(PREPARED / f"{split}.parquet")
        sources, targets = pairs["src"].tolist(), pairs["tgt"].tolist()
        read = [str(recording_file(PREPARED, name)) for name in sources] if spoken else sources
        started = time.monotonic()
        with counted(stage, f"{split}, translating", len(sources)) as count:
            translations = translator.translate(
                read, attention_maps=settings.attention_maps, progress=count
            )
        seconds = time.monotonic() - started
        stage.say(
            f"{split}: {len(sources):,} sentences in {seconds:.1f} s, "
            f"{len(sources) / seconds:,.0f} per second"
        )
        if spoken:
            length = sum(audio_at(Path(path)).seconds for path in read)
            stage.say(
                f"{split}: {length / 60:.1f} minutes of recordings, real-time factor "
                f"{seconds / length:.3f}, features and search"
            )
        with counted(stage, f"{split}, scoring references", len(sources)) as count:
            references = translator.reference_scores(read, targets, progress=count)
        write_decoded(DECODED / split, sources, translations, references)
    stage.say_result(DECODED)


def described(settings: DecodeSettings) -> str:
    """The way of decoding in a few words: `beam size 5, 3 models, ranked by expected chrf`."""
    words = (
        f"beam size {settings.beam_size}"
        if settings.search == "beam"
        else f"samples per sentence: {settings.candidates}"
    )
    if settings.ensemble:
        words += f", {1 + len(settings.ensemble)} models"
    return words if settings.mbr == "none" else f"{words}, ranked by expected {settings.mbr}"


@contextmanager
def counted(stage: Stage, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; in a log, a line now and then."""
    started = said = time.monotonic()
    with tqdm(total=total, desc=what, unit=" sentences", disable=None) as bar:
        done = 0

        def count(more: int) -> None:
            nonlocal done, said
            done += more
            bar.update(more)
            now = time.monotonic()
            if bar.disable and done and now - said > SECONDS_BETWEEN_LINES:
                said = now
                left = (now - started) / done * (total - done)
                stage.say(f"{what}: {done:,} of {total:,} sentences, {left / 60:.1f} min left")

        yield count


if __name__ == "__main__":
    run_stage("decode", main)
