"""Decode the sources of dev and test, and score their references with the model."""

import time
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from attn2seq.decoding.outputs import write_decoded
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.translator import Translator
from attn2seq.model.device import describe_device
from pipeline.stage import Stage, run_stage


def main(stage: Stage) -> None:
    """Read models/model and data/prepared, write results/decode."""
    settings = stage.settings(DecodeSettings)
    output = Path("results/decode")
    translator = Translator(Path("models/model"), settings, warn=stage.say)
    number_type = str(translator.number_type).removeprefix("torch.")
    stage.say(
        f"on {describe_device(translator.device)}, {number_type}, beam size {settings.beam_size}"
    )
    for split in ("dev", "test"):
        pairs = pd.read_parquet(Path("data/prepared") / f"{split}.parquet")
        sources, targets = pairs["src"].tolist(), pairs["tgt"].tolist()
        started = time.monotonic()
        with tqdm(total=len(sources), desc=split, unit=" lines", disable=None) as bar:
            translations = translator.translate(sources, settings.attention_maps, bar.update)
        seconds = time.monotonic() - started
        stage.say(
            f"{split}: {len(sources):,} sentences in {seconds:.1f} s, "
            f"{len(sources) / seconds:,.0f} a second"
        )
        references = translator.score(sources, targets)
        write_decoded(output / split, sources, translations, references)
    stage.say_result(output)


if __name__ == "__main__":
    run_stage("decode", main)
