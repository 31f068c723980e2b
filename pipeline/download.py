"""Fetch, copy or make the raw files of the corpus that params.yaml names."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from attn2seq.catalogue.catalogue import read_catalogue_entry, write_digests
from attn2seq.model.config_file import CONFIG, read_config
from attn2seq.preparing.settings import START_FOLDER, DownloadSettings
from attn2seq.sources.download import Places, download_corpus, resolve_mirror
from attn2seq.sources.vectors import find_vectors
from attn2seq.workspace.local_files import refuse_other_files
from attn2seq.workspace.paths import CATALOGUE, CHECKED, DOWNLOADS, LOCAL, RAW
from attn2seq.workspace.stage import Stage, main_root, run_stage


def main(stage: Stage) -> None:
    """Read data/catalogue and data/local, write data/raw."""
    settings = stage.settings(DownloadSettings)
    entry = read_catalogue_entry(CATALOGUE, settings.corpus)
    refuse_other_files(CHECKED, settings, CATALOGUE, LOCAL)
    wanted = {"src": settings.src_vectors, "tgt": settings.tgt_vectors}
    vectors = {side: find_vectors(CATALOGUE, LOCAL, name) for side, name in wanted.items() if name}
    stage.say(f"{entry.title} ({entry.name}), licence: {entry.licence}")
    places = Places(
        local=LOCAL,
        cache=main_root() / DOWNLOADS,
        mirror=resolve_mirror(os.environ.get("CORPUS_MIRROR"), main_root()),
    )
    with TemporaryDirectory() as scratch:
        start: dict[str, Path] = {}
        if settings.start_from:
            # MLflow takes seconds to be imported, and few runs need it.
            from attn2seq.api import find_model

            folder = find_model(settings.start_from, Path(scratch)).path
            files = read_config(folder / CONFIG).files
            start = {f"{START_FOLDER}/{name}": folder / name for name in files}
            stage.say(f"training starts from {settings.start_from}")
        learnt = download_corpus(entry, RAW, places, stage.say, vectors, start)
    refuse_other_files(CHECKED, settings, CATALOGUE, LOCAL)  # edited since
    if learnt:
        path = CATALOGUE / f"{settings.corpus}.yaml"
        write_digests(path, learnt)
        stage.say(f"{path}: filled in {len(learnt)} sha256 that it did not know")
    stage.say_result(RAW)


if __name__ == "__main__":
    run_stage("download", main)
