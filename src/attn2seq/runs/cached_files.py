"""Files in DVC's cache, by their md5, and what of a dvc.lock is not to be followed."""

import json
import re
from pathlib import Path, PurePosixPath

from attn2seq.errors import UserError

MD5 = re.compile(r"^[0-9a-f]{32}(\.dir)?$")


class NothingToRestoreError(UserError):
    """A state that holds no finished run, or whose results are gone."""


def dvc_cache(root: Path) -> Path:
    """The folder in which DVC keeps files by their md5."""
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError:
        return root / ".dvc/cache/files/md5"
    try:
        with Repo(str(root)) as repo:
            return Path(repo.cache.local.path)
    except DvcException as error:
        raise UserError(f"{root} is not a DVC repository: {error}") from None


def from_cache(cache: Path, md5: str, target: Path) -> bool:
    """Link the file or folder to the target; whether the cache holds all of it.

    Raises NothingToRestoreError.
    """
    source = cache / md5[:2] / md5[2:]
    if not source.exists():
        return False
    if not md5.endswith(".dir"):
        link(source, target)
        return True
    try:
        entries = json.loads(source.read_text(encoding="utf-8"))
        named = [(str(item["relpath"]), str(item["md5"])) for item in entries]
    except (ValueError, KeyError, TypeError):  # damaged: as good as gone
        return False
    for path, file_md5 in named:
        refuse_hostile(path, file_md5)
    files = {path: cache / file_md5[:2] / file_md5[2:] for path, file_md5 in named}
    if not all(file.exists() for file in files.values()):
        return False
    for path, file in files.items():
        link(file, target / path)
    return True


def link(source: Path, target: Path) -> None:
    """A link at the target, whose folder is made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


def refuse_hostile(path: str, md5: str) -> None:
    """Somebody else's commit may name any file. Raises NothingToRestoreError."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not MD5.match(md5):
        raise NothingToRestoreError(f"dvc.lock or DVC's cache names {path!r} ({md5!r})")
