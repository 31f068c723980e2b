"""Sources by name: what a split's `source` stands for.

sacrebleu:wmt14/en-de                  a test set of sacreBLEU, checked by the md5 that it knows
hub:<dataset>@<commit>/<file>          a file of a data set on the Hugging Face hub
mtdata:Statmt-europarl-10-deu-eng      a data set of mtdata, where that package is installed
"""

import copy
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attn2seq.catalogue.entry import CatalogueEntry, Columns, SourceFile, SplitFiles, Splits
from attn2seq.catalogue.faults import combination_faults
from attn2seq.config import ConfigError, format_faults, nearest, plain, some
from attn2seq.errors import UserError
from attn2seq.reading.languages import language_of

HUB = "https://huggingface.co/datasets"
_HUB_FILE = re.compile(r"([\w.-]+(?:/[\w.-]+)?)@([0-9a-f]{40})/([^?#]+)")
# The keys and places that lead to a mapping in an entry's file.
Place = tuple[str | int, ...]
# Fetches an address to the file, which has this name in a mirror, and checks its md5.
Take = Callable[[str, str, Path], None]


def resolve(entry: CatalogueEntry) -> tuple[CatalogueEntry, list[Place]]:
    """The entry with the files that `hub` and `mtdata` sources stand for; needs no network.

    The places are those of each of its files in the entry as it was, in order. Test sets of
    sacreBLEU are looked up alone. Raises UserError where a source is unknown.
    """
    files = [*entry.files]
    places: list[Place] = [("files", number) for number in range(len(files))]
    changes: dict[str, Any] = {}
    parts: dict[Place, SplitFiles] = {}
    for place, part in _parts(entry):
        scheme, _, name = (part.source or "").partition(":")
        at = f"{entry.name}, {'.'.join(map(str, place))}.source"
        if scheme == "sacrebleu":
            _known_test_set(at, name, entry)
        if scheme in ("", "sacrebleu"):
            continue
        find = _hub if scheme == "hub" else _mtdata
        url, found, keys = find(at, name, entry)
        known = next((file for file in files if file.url == url), None)
        if known is None:
            files.append(SourceFile(url=url, sha256=part.sha256))
            places.append(place)
        changes |= {key: value for key, value in keys.items() if getattr(entry, key) is None}
        parts[place] = found.model_copy(update={"reader": part.reader or found.reader})
    if not parts:
        return entry, places
    resolved = _with_parts(entry, parts).model_copy(update={"files": files, **changes})
    if faults := combination_faults(resolved):
        raise ConfigError(format_faults(f"{entry.name}, as its sources are read,", faults))
    return resolved, places


def with_test_sets(entry: CatalogueEntry, folder: Path, take: Take) -> CatalogueEntry:
    """Write the texts of the test sets of sacreBLEU, and name them in the entry."""
    files, parts = [*entry.files], dict[Place, SplitFiles]()
    for place, part in _parts(entry):
        if part.source is None:
            continue
        name = part.source.partition(":")[2]
        src, *references = _write_test_set(name, folder, take)
        written = [*map(str, (src, *references))]
        files += [SourceFile(path=text) for text in written]
        parts[place] = SplitFiles(
            src=src, tgt=references[0], references=references[1:], reader="parallel_lines"
        )
    return _with_parts(entry, parts).model_copy(update={"files": files}) if parts else entry


def _parts(entry: CatalogueEntry) -> Iterator[tuple[Place, SplitFiles]]:
    for split in ("train", "dev", "test"):
        files: SplitFiles | None = getattr(entry.splits, split, None)
        if files is not None and files.parts is None:
            yield ("splits", split), files
        elif files is not None:
            for number, part in enumerate(files.parts or []):
                yield ("splits", split, "parts", number), part


def _with_parts(entry: CatalogueEntry, parts: dict[Place, SplitFiles]) -> CatalogueEntry:
    splits = {}
    for split in ("train", "dev", "test"):
        files: SplitFiles | None = getattr(entry.splits, split)
        at: Place = ("splits", split)
        if files is not None and files.parts is not None:
            new = [parts.get((*at, "parts", n), part) for n, part in enumerate(files.parts)]
            splits[split] = files.model_copy(update={"parts": new})
        elif files is not None:
            splits[split] = parts.get(at, files)
    return entry.model_copy(update={"splits": Splits(**splits)})


Found = tuple[str, SplitFiles, dict[str, Any]]  # address, how it is read, further keys


def _hub(at: str, name: str, entry: CatalogueEntry) -> Found:
    found = _HUB_FILE.fullmatch(name)
    if found is None:
        raise UserError(
            f"{at}: needs hub:<dataset>@<commit>/<file>, with the 40 digits of the commit that "
            f"the data set's page shows under Files, got hub:{plain(name)}"
        )
    dataset, revision, path = found.groups()
    file = path.rpartition("/")[2]
    part = SplitFiles(file=file, reader="parquet" if file.endswith(".parquet") else None)
    return f"{HUB}/{dataset}/resolve/{revision}/{path}", part, {}


def _mtdata(at: str, name: str, entry: CatalogueEntry) -> Found:
    try:
        from mtdata.entry import DatasetId
        from mtdata.index import Index
    except ImportError:
        raise UserError(
            f"{at}: needs the package mtdata (pip install mtdata); or name the files by their "
            "addresses, in files"
        ) from None
    index = Index.get_instance().entries
    try:
        found = index.get(DatasetId.parse(name))
    except Exception as error:  # mtdata raises no narrower kind, and asserts
        raise UserError(f"{at}: mtdata does not read {plain(name)} ({plain(error)})") from None
    if found is None:
        like = [str(known) for known in index if str(known).startswith(f"{name.split('-')[0]}-")]
        guess = nearest(name, like)
        raise UserError(
            f"{at}: mtdata has no {plain(name)}"
            + (f" (did you mean {plain(guess)}?)" if guess else "; `mtdata list -id` lists all")
        )
    backwards = _backwards(at, [str(language) for language in found.did.langs], entry)
    return _as_mtdata_reads(at, found, backwards)


def _as_mtdata_reads(at: str, found: Any, backwards: bool) -> Found:
    kind, paths = found.in_ext or found.ext, list(found.in_paths or [])
    if not isinstance(found.url, str):
        kind = "two addresses"
    url = str(found.url).replace("http://", "https://", 1)
    file = url.rpartition("/")[2]
    inside = [f"{file}/{path}" for path in (reversed(paths) if backwards else paths)]
    if kind == "txt" and any("*" in path for path in paths):
        return url, SplitFiles(file=file, reader="moses"), {}
    if kind in ("txt", "sgm") and len(inside) == 2:
        part = SplitFiles(src=inside[0], tgt=inside[1], reader="parallel_lines")
        return url, part.model_copy(update={"reader": "sgm"} if kind == "sgm" else {}), {}
    if kind.startswith(("tsv", "tmx")) and len(inside) <= 1:
        name = inside[0] if inside else file
        if kind.startswith("tmx"):
            return url, SplitFiles(file=name, reader="tmx"), {}
        src, tgt = (column + 1 for column in found.cols or (0, 1))
        columns = Columns(src=tgt, tgt=src) if backwards else Columns(src=src, tgt=tgt)
        keys = {"columns": columns, "delimiter": "\t"}
        return url, SplitFiles(file=name, reader="delimited"), keys
    raise UserError(
        f"{at}: {found.did} comes as {plain(kind)}, which is not read from mtdata; name its files "
        "by their addresses, in files, or on the hub"
    )


def _known_test_set(at: str, name: str, entry: CatalogueEntry) -> None:
    test_sets = _test_sets()
    dataset, _, pair = name.rpartition("/")
    if dataset not in test_sets:
        guess = nearest(dataset, list(test_sets))
        hint = f"did you mean {guess}?" if guess else f"it has {some(test_sets)}"
        raise UserError(f"{at}: sacreBLEU has no test set {plain(dataset) or plain(name)} ({hint})")
    pairs = list(test_sets[dataset].langpairs)
    if pair not in pairs:
        raise UserError(f"{at}: {dataset} has no {plain(pair)} (it has {', '.join(pairs)})")
    if any(url.endswith(".zip") for url in test_sets[dataset].data):
        raise UserError(
            f"{at}: {dataset} comes as a zip, which is not unpacked for sacreBLEU; name its files "
            "by their addresses, in files"
        )
    if _backwards(at, pair.split("-"), entry):
        raise UserError(
            f"{at}: {pair} goes from {pair.split('-')[0]}; name {'-'.join(pair.split('-')[::-1])}"
        )


def _backwards(at: str, languages: list[str], entry: CatalogueEntry) -> bool:
    """Whether the languages are those of the entry the other way round. Raises UserError."""
    found = [language_of(language) or language for language in languages]
    wanted = [language_of(language) or language for language in (entry.src_lang, entry.tgt_lang)]
    if found not in (wanted, wanted[::-1]):
        raise UserError(
            f"{at}: has the languages {', '.join(languages)}, but the entry has "
            f"{entry.src_lang} and {entry.tgt_lang}"
        )
    return found != wanted


def _test_sets() -> dict[str, Any]:
    from sacrebleu.dataset import DATASETS  # takes half a second to import

    return dict(DATASETS)


def _write_test_set(name: str, folder: Path, take: Take) -> list[str]:
    """Write source and references, line by line as sacreBLEU reads them; returns their names."""
    dataset_name, _, pair = name.rpartition("/")
    # sacreBLEU would download into the home directory, without a mirror.
    dataset = copy.copy(_test_sets()[dataset_name])
    with TemporaryDirectory() as scratch:
        dataset._outdir, dataset._rawdir = scratch, str(Path(scratch, "raw"))
        Path(dataset._rawdir).mkdir()
        for url, md5 in zip(dataset.data, dataset.md5, strict=True):
            packed = Path(dataset._rawdir, dataset._get_tarball_filename(url))
            take(url, md5, packed)
            if packed.name.endswith((".tgz", ".tar.gz")):
                with tarfile.open(packed) as archive:
                    archive.extractall(dataset._rawdir, filter="data")
        written = [dataset.get_source_file(pair), *dataset.get_reference_files(pair)]
        for text in written:
            (folder / Path(text).name).write_bytes(Path(text).read_bytes())
    return [Path(text).name for text in written]
