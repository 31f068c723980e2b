"""Names of files: an accent is one character on some file systems, and two on others."""

import unicodedata
from pathlib import Path


def composed(name: str) -> str:
    """A name with its accents composed: file systems write them in one way or the other."""
    return unicodedata.normalize("NFC", name)


def as_written(path: Path) -> Path:
    """The file of that name, whichever way its accents are encoded: as one character or as two."""
    if path.is_file() or not path.parent.is_dir():
        return path
    same = [file for file in path.parent.iterdir() if composed(file.name) == composed(path.name)]
    return same[0] if same else path
