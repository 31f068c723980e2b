"""What the stage check leaves: that params.yaml is sound, and of which local files that was said.

    params.yaml is sound
    9f86d081884c7d65  data/local/mine.tsv

Download depends on this text and not on the folder data/local, so only the files that the corpus,
its word vectors or the model to start from name make it stale.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.errors import UserError
from attn2seq.model.config_file import FILES
from attn2seq.preparing.settings import DownloadSettings
from attn2seq.reading.names import as_written
from attn2seq.sources.vectors import find_vectors


def checked_text(settings: DownloadSettings, catalogue: Path, local: Path) -> str:
    """The text. Raises UserError where an entry cannot be read, OSError where a file cannot."""
    files = sorted(set(_named_files(settings, catalogue, local)))
    lines = [f"{_digest(file)}  {file.as_posix()}\n" for file in files]
    return "".join(["params.yaml is sound\n", *lines])


def refuse_other_files(
    checked: Path, settings: DownloadSettings, catalogue: Path, local: Path
) -> None:
    """Raises UserError where `checked` holds another text: DVC would record what is fetched under
    other files.
    """
    text = checked_text(settings, catalogue, local)
    if checked.is_file() and checked.read_text(encoding="utf-8") == text:
        return
    state = "tells of other files in data/local" if checked.is_file() else "is missing"
    raise UserError(
        f"{checked} {state}, and the result would be recorded under it: run `dvc repro --force "
        "check`, then `dvc repro`, or where there is no DVC `python -m pipeline.check`"
    )


def _named_files(settings: DownloadSettings, catalogue: Path, local: Path) -> Iterator[Path]:
    named = read_catalogue_entry(catalogue, settings.corpus).files
    vectors = filter(None, (settings.src_vectors, settings.tgt_vectors))
    for file in [*named, *(find_vectors(catalogue, local, name).file for name in vectors)]:
        if file.path is not None:
            yield as_written(local / file.path)
    start = Path(settings.start_from)
    if settings.start_from and start.resolve().is_relative_to(local.resolve()):
        there = (start / name for name in FILES)
        yield from (path for path in there if path.name != "src.model" or path.is_file())


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
