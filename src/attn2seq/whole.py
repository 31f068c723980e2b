"""An output is whole or absent: written beside its place, then renamed."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attn2seq.errors import UserError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` when the block ends well.

    After an error nothing is left of it, and `folder` stays as it was. Raises UserError where the
    disk is full.
    """
    beside = folder.with_name(folder.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        with _full_disk_told(folder):
            yield beside
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The same for one file: a path to write to; the folder is made. Raises UserError likewise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with _full_disk_told(path):
            yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a whole JSON file, whose bytes follow from the values alone."""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    with whole_file(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _full_disk_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"no space is left on the disk while writing {path}: {free_space(path.parent)} are "
            "free; free some space and run again"
        ) from None


def free_space(path: Path) -> str:
    """The free space of the disk that holds `path`, for people: `1.3 GB`."""
    return f"{shutil.disk_usage(path).free / 1e9:.1f} GB"
