"""Fetch, copy or make the raw files of the corpus that params.yaml names."""

import os
from pathlib import Path

from attn2seq.corpus.catalogue import read_catalogue_entry
from attn2seq.corpus.download import Places, download_corpus, resolve_mirror
from attn2seq.corpus.settings import DownloadSettings
from pipeline.stage import Stage, main_root, run_stage

CATALOGUE, LOCAL, RAW = Path("data/catalogue"), Path("data/local"), Path("data/raw")


def main(stage: Stage) -> None:
    """Read data/catalogue and data/local, write data/raw."""
    entry = read_catalogue_entry(CATALOGUE, stage.settings(DownloadSettings).corpus)
    stage.say(f"{entry.title} ({entry.name}), licence: {entry.licence}")
    places = Places(
        local=LOCAL,
        cache=main_root() / ".cache" / "downloads",
        mirror=resolve_mirror(os.environ.get("CORPUS_MIRROR"), main_root()),
    )
    download_corpus(entry, RAW, places, stage.say)
    stage.say_result(RAW)


if __name__ == "__main__":
    run_stage("download", main)
