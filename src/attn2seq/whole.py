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
        yield beside
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"no space is left on the disk while writing {folder}: {free_space(beside)} are free; "
            "make room and run again"
        ) from None
    else:
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file whose bytes follow from the values alone; folders are made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    beside.write_text(text + "\n", encoding="utf-8")
    os.replace(beside, path)


def free_space(path: Path) -> str:
    """The free space of the disk that holds `path`, for people: `1.3 GB`."""
    return f"{shutil.disk_usage(path).free / 1e9:.1f} GB"
