"""The catalogue: a folder with a YAML file for each corpus."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML

from attn2seq.catalogue.entry import UNKNOWN, CatalogueEntry
from attn2seq.catalogue.faults import combination_faults, describe
from attn2seq.config import ConfigError, format_faults, nearest, plain, read_yaml
from attn2seq.errors import UserError
from attn2seq.whole import whole_file

# The entry as it was used, beside the raw files; no corpus file may have this name.
ENTRY_FILE = "corpus.yaml"


def read_catalogue_entry(folder: Path, name: str) -> CatalogueEntry:
    """The entry of that name. Raises UserError where there is none, or with all its faults."""
    path = folder / f"{name}.yaml"
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if not known:
        state = "holds no corpus" if folder.is_dir() else "is missing"
        raise UserError(
            f"no corpus {name!r}: {folder} {state}. `git checkout -- {folder}` brings back the "
            "corpora of the last commit"
        )
    if name not in known:
        guess = nearest(name, known)
        raise UserError(
            f"no corpus {name!r} in {folder}"
            + (f" (did you mean {guess}?)" if guess else f" (known: {', '.join(known)})")
            + f"; a corpus of your own needs a file {plain(path)}, which a queued experiment "
            "sees only once git tracks it (`git add`)"
        )
    entry = _validate(path)
    if entry.name != name:
        raise ConfigError(
            format_faults(
                str(path), [f"name: must be that of the file, {name}, got {entry.name!r}"]
            )
        )
    return entry


def read_raw_entry(raw: Path) -> CatalogueEntry:
    """The entry that download left beside the files. Raises UserError."""
    path = raw / ENTRY_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing; the download stage writes it")
    return _validate(path)


def write_raw_entry(raw: Path, entry: CatalogueEntry) -> None:
    """The entry without comments, so that a comment's edit leaves the raw data as they were."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    with (raw / ENTRY_FILE).open("w", encoding="utf-8") as file:
        yaml.dump(entry.model_dump(exclude_none=True), file)


def write_digests(path: Path, digests: Mapping[tuple[str | int, ...], str]) -> None:
    """Write each digest over the `unknown` at its place in an entry; all else stays as it is."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    root = YAML().load(text)
    spots = {}
    for place, digest in digests.items():
        mapping = root
        for key in place:
            mapping = mapping[key]
        spots[mapping.lc.value("sha256")] = digest
    # From the end, so that no change moves another's place.
    for line, column in sorted(spots, reverse=True):
        start, rest = lines[line][:column], lines[line][column:]
        lines[line] = start + rest.replace(UNKNOWN, spots[line, column], 1)
    with whole_file(path) as beside:
        beside.write_text("\n".join(lines), encoding="utf-8")


def _validate(path: Path) -> CatalogueEntry:
    values = read_yaml(path)
    try:
        entry = CatalogueEntry.model_validate(values)
    except ValidationError as error:
        faults = [describe(CatalogueEntry, item) for item in error.errors()]
        raise ConfigError(format_faults(str(path), faults)) from None
    faults = combination_faults(entry)
    if faults:
        raise ConfigError(format_faults(str(path), faults))
    return entry
