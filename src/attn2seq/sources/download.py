"""Fetch a corpus: from a mirror, from the cache of earlier downloads, or from its address."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attn2seq.catalogue.catalogue import write_raw_entry
from attn2seq.catalogue.entry import UNKNOWN, CatalogueEntry, SourceFile
from attn2seq.errors import UserError
from attn2seq.phrasebook.phrasebook import generate_phrasebook
from attn2seq.reading.names import as_written
from attn2seq.reading.readers import split_files
from attn2seq.sources.fetch import MAX_FILE_BYTES, FetchError, Say, fetch
from attn2seq.sources.named import Place, resolve, with_test_sets
from attn2seq.sources.vectors import FOLDER, VectorsEntry, write_index
from attn2seq.whole import whole_folder

# After one, two and three seconds; each address has so many.
RETRIES = 3
_CHUNK_BYTES = 1 << 20
NO_VECTORS: Mapping[str, VectorsEntry] = {}
NO_FILES: Mapping[str, Path] = {}


@dataclass(frozen=True)
class Places:
    """Where files may come from: a user's folder, the cache, and a mirror (folder or address)."""

    local: Path
    cache: Path
    mirror: Path | str | None


@dataclass(frozen=True)
class _Owner:
    """Whose a file is, for messages, and the folder it has in a mirror."""

    kind: str
    name: str
    shelf: str


def resolve_mirror(value: str | None, root: Path) -> Path | str | None:
    """What CORPUS_MIRROR means: an address, or a folder, taken from `root` where it is relative.

    Raises UserError where the folder does not exist or the address is neither https nor http.
    """
    if not value:
        return None
    if "://" in value:
        if not value.startswith(("https://", "http://")):
            raise UserError(f"CORPUS_MIRROR must be a folder or an https address, got {value}")
        return value.rstrip("/")
    folder = root / Path(value).expanduser()
    if not folder.is_dir():
        raise UserError(f"CORPUS_MIRROR names the folder {folder}, which does not exist")
    return folder


def download_corpus(
    entry: CatalogueEntry,
    raw: Path,
    places: Places,
    say: Say,
    vectors: Mapping[str, VectorsEntry] = NO_VECTORS,
    further: Mapping[str, Path] = NO_FILES,
) -> dict[Place, str]:
    """Write the folder `raw` as a whole: the corpus's files, and its entry as `corpus.yaml`.

    The word vectors of a side go into its folder `vectors`, and the files `further` to the places
    that they name. Every file with a sha256 in its entry is checked against it; returns those that
    the entry did not know, by their place in it. Raises UserError.
    """
    learnt: dict[Place, str] = {}
    entry, entry_places = resolve(entry)
    with whole_folder(raw) as folder:
        if entry.generator is not None:
            _generate(entry, folder, say)
        owner = _Owner("corpus", entry.name, entry.folder or entry.name)
        files = []
        for place, (name, file) in zip(entry_places, entry.stored().items(), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            size, sha256 = _take(owner, file, folder / name, places, say)
            say(f"{name}: {size:,} bytes")
            if file.sha256 == UNKNOWN:
                learnt[place] = sha256
                file = file.model_copy(update={"sha256": sha256})
            files.append(file)
        entry = entry.model_copy(update={"files": files})

        def take_checked(url: str, md5: str, target: Path) -> None:
            # Many test sets come as test.tgz: a mirror has them by the names of sacreBLEU.
            size, _ = _take(owner, SourceFile(url=url), target, places, say, f"md5:{md5}")
            say(f"{target.name}: {size:,} bytes")

        write_raw_entry(folder, with_test_sets(entry, folder, take_checked))
        if vectors:
            _take_vectors(vectors, folder / FOLDER, places, say)
        for target, path in further.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / target)
    return learnt


def _take_vectors(
    vectors: Mapping[str, VectorsEntry], folder: Path, places: Places, say: Say
) -> None:
    if folder.exists():
        raise UserError(f"the corpus has a file {FOLDER}, and vectors need that name; rename it")
    folder.mkdir()
    taken: dict[str, SourceFile] = {}
    for entry in vectors.values():
        known = taken.setdefault(entry.file.name, entry.file)
        if known != entry.file:
            raise UserError(f"two different files of vectors are named {known.name}; rename one")
        if not (folder / known.name).exists():
            say(f"{entry.title} ({entry.name}), licence: {entry.licence}")
            owner = _Owner("vectors", entry.name, FOLDER)
            size, _ = _take(owner, entry.file, folder / entry.file.name, places, say)
            say(f"{entry.file.name}: {size:,} bytes")
    write_index(folder, vectors)


def _generate(entry: CatalogueEntry, folder: Path, say: Say) -> None:
    assert entry.generator is not None
    sizes = {split: getattr(entry.generator, split) for split in ("train", "dev", "test")}
    for split, pairs in generate_phrasebook(entry.generator.seed, sizes).items():
        files = split_files(entry, split)
        for name, texts in zip((files.src, files.tgt), zip(*pairs, strict=True), strict=True):
            (folder / str(name)).write_text("".join(f"{text}\n" for text in texts), "utf-8")
        say(f"generated {len(pairs):,} pairs for {split}")


def _take(
    owner: _Owner,
    file: SourceFile,
    target: Path,
    places: Places,
    say: Say,
    digest: str | None = None,
) -> tuple[int, str]:
    """Copy one file to `target`; returns its size in bytes and its digest.

    The digest that it must have is the entry's sha256, or else the one given, as in `fetch`.
    """
    name = file.name if digest is None else target.name
    digest = None if file.sha256 == UNKNOWN else file.sha256 or digest
    if file.path is not None:
        path = as_written(places.local / file.path)
        if not path.is_file():
            raise UserError(
                f"{path} is missing: the {owner.kind} {owner.name} expects it there. A queued "
                f"experiment sees it only once git tracks it: git add {path}"
            )
        return _copy(path, target, digest, owner)
    wanted = f"{owner.shelf}/{name}"
    # What a mirror may give, with its digest: the file, or the same contents in another packing.
    held = [(wanted, digest)]
    if file.mirrored is not None and file.sha256 != UNKNOWN:
        held.append((f"{owner.shelf}/{file.mirrored.name}", file.mirrored.sha256))
    failures = []
    if isinstance(places.mirror, Path):
        for place, its_digest in held:
            if (places.mirror / place).is_file():
                return _copy(places.mirror / place, target, its_digest, owner)
        failures.append(f"{places.mirror / wanted} does not exist")
    mirrored = held if isinstance(places.mirror, str) else []
    addresses = [(f"{places.mirror}/{place}", its_digest) for place, its_digest in mirrored]
    for address, its_digest in (*addresses, (str(file.url), digest)):
        try:
            path = fetch(address, its_digest, places.cache, RETRIES, say)
            return _copy(path, target, its_digest, owner)
        except FetchError as error:
            failures.append(f"{address}: {error}")
    raise UserError(
        f"cannot fetch {name} of {owner.name}:\n  " + "\n  ".join(failures) + "\n"
        "Without a network, set CORPUS_MIRROR to a folder (or an address) that holds it as "
        f"{wanted}, and run again"
    )


def _copy(source: Path, target: Path, wanted: str | None, owner: _Owner) -> tuple[int, str]:
    """Copy the bytes, not the mode, and check them; returns their number and digest."""
    kind = (wanted or "").rpartition(":")[0] or "sha256"
    digest, size = hashlib.new(kind), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise UserError(f"{source} is larger than {MAX_FILE_BYTES:,} bytes")
            writer.write(chunk)
        os.fsync(writer.fileno())
    if not size:
        raise UserError(f"{source} is empty")
    found = digest.hexdigest()
    if wanted is not None and wanted.rpartition(":")[2] != found:
        whose = f"the catalogue entry of {owner.name}" if kind == "sha256" else "sacreBLEU"
        raise UserError(
            f"{source} has the {kind} {found}, but {whose} says {wanted.rpartition(':')[2]}: the "
            "file is damaged, cut short or another version. Get it again, or correct the entry"
        )
    return size, found
