"""Mirrors that hold the first lines of each file of a corpus, and entries that know them."""

import gzip
import hashlib
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TRAIN_LINES, OTHER_LINES = 500, 24
yaml = YAML(typ="safe")


def write_slice(entry_file: Path, mirror: Path, project: Path) -> None:
    """Write `project`/data/catalogue/<name>.yaml and the files it names, in `project`/mirror."""
    entry: dict[str, Any] = yaml.load(entry_file)
    sliced = project / "mirror" / str(entry.get("folder", entry["name"]))
    sliced.mkdir(parents=True)
    splits = entry["splits"]
    trained_on = {str(name).split("/")[0] for name in splits["train"].values()}
    for file in entry["files"]:
        name = file["url"].rsplit("/", 1)[-1]
        lines = TRAIN_LINES if name in trained_on else OTHER_LINES
        _slice(mirror / sliced.name / name, sliced / name, lines)
        file["sha256"] = hashlib.sha256((sliced / name).read_bytes()).hexdigest()
    for split in entry.get("make_splits", {}).keys() & {"dev", "test"}:
        entry["make_splits"][split] = OTHER_LINES
    catalogue = project / "data" / "catalogue"
    catalogue.mkdir(parents=True)
    (project / "data" / "local").mkdir()
    yaml.dump(entry, catalogue / entry_file.name)


def _slice(source: Path, target: Path, lines: int) -> None:
    """The first lines of a file, in the packing that the file has."""
    if source.name.endswith(".tar.gz"):
        _slice_folders(source, target)
    elif source.suffix == ".zip":
        with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as part:
            for member in whole.namelist():
                part.writestr(member, _head(whole.read(member), lines))
    elif source.suffix == ".gz":
        target.write_bytes(gzip.compress(_head(gzip.decompress(source.read_bytes()), lines)))
    else:
        target.write_bytes(_head(source.read_bytes(), lines))


def _slice_folders(source: Path, target: Path) -> None:
    """The first documents of each folder."""
    seen = Counter[str]()
    with tarfile.open(source) as whole, tarfile.open(target, "w:gz") as part:
        for member in whole:
            folder = member.name.rpartition("/")[0]
            seen[folder] += member.isfile()
            most = TRAIN_LINES if folder.endswith("/train") else OTHER_LINES
            if member.isfile() and seen[folder] <= most:
                part.addfile(member, whole.extractfile(member))


def _head(text: bytes, lines: int) -> bytes:
    """Of a dialogue the first two turns, which make one pair."""
    first = text.splitlines(keepends=True)[:lines]
    if b"__eou__" not in b"".join(first):
        return b"".join(first)
    turns = (line.split(b"__eou__")[:2] for line in first)
    return b"".join(b"__eou__".join([*two, b"\n"]) for two in turns)
