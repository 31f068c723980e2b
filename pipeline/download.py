"""Fetch, copy or make the raw files of the corpus that params.yaml names."""

import os

from attn2seq.catalogue.catalogue import read_catalogue_entry, write_digests
from attn2seq.preparing.settings import DownloadSettings
from attn2seq.sources.download import Places, download_corpus, resolve_mirror
from attn2seq.sources.vectors import find_vectors
from attn2seq.workspace.paths import CATALOGUE, DOWNLOADS, LOCAL, RAW
from attn2seq.workspace.stage import Stage, main_root, run_stage


def main(stage: Stage) -> None:
    """Read data/catalogue and data/local, write data/raw."""
    settings = stage.settings(DownloadSettings)
    entry = read_catalogue_entry(CATALOGUE, settings.corpus)
    wanted = {"src": settings.src_vectors, "tgt": settings.tgt_vectors}
    vectors = {side: find_vectors(CATALOGUE, LOCAL, name) for side, name in wanted.items() if name}
    stage.say(f"{entry.title} ({entry.name}), licence: {entry.licence}")
    places = Places(
        local=LOCAL,
        cache=main_root() / DOWNLOADS,
        mirror=resolve_mirror(os.environ.get("CORPUS_MIRROR"), main_root()),
    )
    learnt = download_corpus(entry, RAW, places, stage.say, vectors)
    if learnt:
        path = CATALOGUE / f"{settings.corpus}.yaml"
        write_digests(path, learnt)
        stage.say(f"{path}: filled in {len(learnt)} sha256 that it did not know")
    stage.say_result(RAW)


if __name__ == "__main__":
    run_stage("download", main)
