"""Fetch a corpus: from a mirror, from the cache of earlier downloads, or from its address."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
from tqdm import tqdm

from attn2seq.corpus.catalogue import write_raw_entry
from attn2seq.corpus.entry import CatalogueEntry, SourceFile
from attn2seq.corpus.phrasebook import generate_phrasebook
from attn2seq.corpus.readers import split_files
from attn2seq.errors import UserError
from attn2seq.whole import whole_folder

Say = Callable[[str], None]
# No text corpus for a recurrent model is larger; a wrong address might never end.
MAX_FILE_BYTES = 20 << 30
# After one second, then after two.
RETRIES = 2
_TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Places:
    """Where files may come from: a user's folder, the cache, and a mirror (folder or address)."""

    local: Path
    cache: Path
    mirror: Path | str | None


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


def download_corpus(entry: CatalogueEntry, raw: Path, places: Places, say: Say) -> None:
    """Write the folder `raw` as a whole: the corpus's files, and its entry as `corpus.yaml`.

    Every file with a sha256 in the entry is checked against it. Raises UserError.
    """
    with whole_folder(raw) as folder:
        if entry.generator is not None:
            _generate(entry, folder, say)
        for file in entry.files:
            size = _take(entry, file, folder / file.name, places, say)
            say(f"{file.name}: {size:,} bytes")
        write_raw_entry(folder, entry)


def _generate(entry: CatalogueEntry, folder: Path, say: Say) -> None:
    assert entry.generator is not None
    sizes = {split: getattr(entry.generator, split) for split in ("train", "dev", "test")}
    for split, pairs in generate_phrasebook(entry.generator.seed, sizes).items():
        files = split_files(entry, split)
        for name, texts in zip((files.src, files.tgt), zip(*pairs, strict=True), strict=True):
            (folder / str(name)).write_text("".join(f"{text}\n" for text in texts), "utf-8")
        say(f"made {len(pairs):,} pairs for {split}")


def _take(entry: CatalogueEntry, file: SourceFile, target: Path, places: Places, say: Say) -> int:
    """Copy one file to `target`; returns its size in bytes."""
    if file.path is not None:
        path = places.local / file.path
        if not path.is_file():
            raise UserError(
                f"{path} is missing: the corpus {entry.name} takes it from there. A queued "
                f"experiment sees it only once it is known to git: git add {path}"
            )
        return _copy(path, target, file.sha256, entry)
    wanted = f"{entry.folder or entry.name}/{file.name}"
    failures = []
    if isinstance(places.mirror, Path):
        if (places.mirror / wanted).is_file():
            return _copy(places.mirror / wanted, target, file.sha256, entry)
        failures.append(f"{places.mirror / wanted} does not exist")
    # A mirror is near: what it does not give at once it has not.
    addresses = {f"{places.mirror}/{wanted}": 0} if isinstance(places.mirror, str) else {}
    for address, retries in (addresses | {str(file.url): RETRIES}).items():
        try:
            path = _fetch(address, str(file.sha256), places.cache, retries, say)
            return _copy(path, target, file.sha256, entry)
        except ConnectionError as error:
            failures.append(f"{address}: {error}")
    raise UserError(
        f"cannot fetch {file.name} of {entry.name}:\n  " + "\n  ".join(failures) + "\n"
        "Without a network, set CORPUS_MIRROR to a folder (or an address) that holds it as "
        f"{wanted}, and run again"
    )


def _fetch(address: str, sha256: str, cache: Path, retries: int, say: Say) -> Path:
    """The file of that digest in the cache, fetched where it is not there yet.

    Raises ConnectionError where the address does not give it.
    """
    pooch.get_logger().setLevel("WARNING")
    if not (cache / sha256).is_file():
        say(f"fetching {address}")
    store = pooch.create(
        path=cache,
        base_url="",
        registry={sha256: f"sha256:{sha256}"},
        urls={sha256: address},
        retry_if_failed=retries,
    )
    try:
        return Path(store.fetch(sha256, downloader=_download))
    except ValueError:
        raise ConnectionError(
            f"what it gives has not the sha256 {sha256} of the catalogue; it was cut short or is "
            "another version"
        ) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ConnectionError(_reason(error)) from None


def _reason(error: BaseException) -> str:
    """The innermost cause, since the outer ones only say that something failed."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def _download(address: str, output: str, store: Any) -> None:
    """Called by pooch: fetch to the path `output`, no more than MAX_FILE_BYTES."""
    with (
        open(output, "wb") as file,
        tqdm(total=1, unit="B", unit_scale=True, leave=False, disable=None) as bar,
    ):
        downloader = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=_CHUNK_BYTES,
            timeout=_TIMEOUT_SECONDS,
            hooks={"response": _refuse_downgrade} if address.startswith("https://") else {},
        )
        downloader(address, _Bounded(file, address), store)


def _refuse_downgrade(response: Any, *_: Any, **__: Any) -> None:
    """Called for each answer: a redirection must not leave https."""
    if str(response.headers.get("location", "")).startswith("http://"):
        raise UserError(f"{response.url} leads to an address without https; it is not followed")


class _Bounded:
    """A file that takes no more than MAX_FILE_BYTES."""

    def __init__(self, file: Any, address: str) -> None:
        self._file, self._address, self._size = file, address, 0

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_FILE_BYTES:
            raise UserError(f"{self._address} is larger than {MAX_FILE_BYTES:,} bytes")
        self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _copy(source: Path, target: Path, sha256: str | None, entry: CatalogueEntry) -> int:
    """Copy the bytes, not the mode, and check them; returns their number."""
    digest, size = hashlib.sha256(), 0
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
    if sha256 not in (None, digest.hexdigest()):
        raise UserError(
            f"{source} has the sha256 {digest.hexdigest()}, but the catalogue entry of "
            f"{entry.name} says {sha256}: the file is damaged, cut short or another version. Get "
            "it anew, or correct the entry"
        )
    return size
