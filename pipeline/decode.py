"""Decode the sources of dev and test, and score their references with the model.

Where several processes decode, the first runs the stage, and the others help it.
"""

import sys
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
from attn2seq.distributed.helpers import together
from attn2seq.distributed.ranks import Ranks, is_helper
from attn2seq.errors import UserError
from attn2seq.features.prepared_audio import audio_at, recording_file, sample_rate_of
from attn2seq.model.device import describe_device, fix_cublas_workspace, pick_device, tune_cpu
from attn2seq.workspace.fingerprint import digest, md5_of
from attn2seq.workspace.paths import DECODED, ENSEMBLE, PREPARED, TRAINED
from attn2seq.workspace.stage import Stage, help_stage, run_stage

COMMAND = (sys.executable, "-m", "pipeline.decode")
SPLITS = ("dev", "test")
SECONDS_BETWEEN_LINES = 20


def main(stage: Stage) -> None:
    """Read models/trained, those of data/ensemble that are asked for, and data/prepared; write
    results/decode.
    """
    settings = stage.settings(DecodeSettings)
    with together(settings.processes, COMMAND, "decode", "run the same command again") as ranks:
        translator = prepared(stage, settings, ranks, stage.say)
        number_type = str(translator.number_type).removeprefix("torch.")
        where = f"on {describe_device(translator.device)}, {number_type}"
        stage.say(f"{where}, {described(settings)}")
        with ranks.met(translator.device):
            refuse_another_model(stage, ranks)
            for split in SPLITS:
                decode_split(stage, split, translator)
    stage.say_result(DECODED)


def help_decode(stage: Stage) -> None:
    """As any process but the first: it decodes its share, says nothing and writes nothing."""
    settings = stage.settings(DecodeSettings)
    with together(settings.processes, COMMAND, "decode") as ranks:
        translator = prepared(stage, settings, ranks, lambda _: None)
        with ranks.met(translator.device):
            refuse_another_model(stage, ranks)
            for split in SPLITS:
                sources, targets, _ = texts_of(split, isinstance(translator, Transcriber))
                translator.translate(sources, attention_maps=settings.attention_maps)
                translator.reference_scores(sources, targets)


def prepared(
    stage: Stage, settings: DecodeSettings, ranks: Ranks, warn: Callable[[str], None]
) -> Translator:
    """The models, and this process ready for them."""
    tune_cpu()
    fix_cublas_workspace()
    torch.set_num_threads(ranks.threads(settings.threads or torch.get_num_threads()))
    if ranks.count > 1:
        ranks.device(pick_device(settings.device, "decode.device"))
        settings = settings.model_copy(update={"threads": torch.get_num_threads()})
    further = [ENSEMBLE / name for name in settings.ensemble]
    kind = Translator if sample_rate_of(PREPARED) is None else Transcriber
    return kind(TRAINED, settings, warn, further, ranks=ranks)


def refuse_another_model(stage: Stage, ranks: Ranks) -> None:
    """Raises UserError where the processes would not decode the same."""
    inputs = {"inputs": stage.inputs, "model": md5_of(TRAINED), "texts": md5_of(PREPARED)}
    if ranks.count > 1 and not ranks.agree(digest(inputs)):
        raise UserError(
            f"process {ranks.rank} has another model, other settings, code or texts than process "
            "0: make them equal"
        )


def texts_of(split: str, spoken: bool) -> tuple[list[str], list[str], list[str]]:
    """What the model reads, the references, and what the sources are called."""
    pairs = pd.read_parquet(PREPARED / f"{split}.parquet")
    named, targets = pairs["src"].tolist(), pairs["tgt"].tolist()
    read = [str(recording_file(PREPARED, name)) for name in named] if spoken else named
    return read, targets, named


def decode_split(stage: Stage, split: str, translator: Translator) -> None:
    """Translate the sources of a split, score its references, and write both."""
    spoken = isinstance(translator, Transcriber)
    read, targets, named = texts_of(split, spoken)
    started = time.monotonic()
    with counted(stage, f"{split}, translating", len(read)) as count:
        translations = translator.translate(
            read, attention_maps=translator.settings.attention_maps, progress=count
        )
    seconds = time.monotonic() - started
    stage.say(
        f"{split}: {len(read):,} sentences in {seconds:.1f} s, "
        f"{len(read) / seconds:,.0f} per second"
    )
    if spoken:
        length = sum(audio_at(Path(path)).seconds for path in read)
        stage.say(
            f"{split}: {length / 60:.1f} minutes of recordings, real-time factor "
            f"{seconds / length:.3f}, features and search"
        )
    with counted(stage, f"{split}, scoring references", len(read)) as count:
        references = translator.reference_scores(read, targets, progress=count)
    write_decoded(DECODED / split, named, translations, references)


def described(settings: DecodeSettings) -> str:
    """The way of decoding in a few words: `beam size 5, 3 models, ranked by expected chrf`."""
    words = (
        f"beam size {settings.beam_size}"
        if settings.search == "beam"
        else f"samples per sentence: {settings.candidates}"
    )
    if settings.ensemble:
        words += f", {1 + len(settings.ensemble)} models"
    if settings.mbr != "none":
        words += f", ranked by expected {settings.mbr}"
    if settings.processes > 1:
        words += f", shared by {settings.processes} processes"
    return words


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
    if is_helper():
        help_stage("decode", help_decode)
    else:
        run_stage("decode", main)
