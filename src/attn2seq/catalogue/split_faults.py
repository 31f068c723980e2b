"""What is wrong with the splits of a catalogue entry: their files, parts and sources."""

from attn2seq.catalogue.entry import CatalogueEntry, SplitFiles
from attn2seq.config import nearest, plain, some

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SOURCES = {
    "sacrebleu": "sacrebleu:wmt14/en-de",
    "hub": "hub:<dataset>@<commit>/<file>",
    "mtdata": "mtdata:<id>",
}
NEEDS_SHA256 = (
    "missing; needed for a file that is fetched (unknown: the first download writes it here)"
)
WHOLE_FILES = ("moses", "parquet")


def split_faults(entry: CatalogueEntry) -> list[str]:
    """Every fault of the splits, each with its place."""
    if entry.splits is None:
        return []
    faults = []
    for split in ("train", "dev", "test"):
        files: SplitFiles | None = getattr(entry.splits, split)
        made = getattr(entry.make_splits, split, None)
        if files is not None:
            faults += _split_file_faults(entry, f"splits.{split}", files)
        if files is not None and made is not None:
            faults.append(f"make_splits.{split}: the corpus gives {split} in splits already")
        if files is None and made is None:
            faults.append(
                f"splits.{split}: missing; give its files, or a size in make_splits.{split}"
            )
    return faults


def _split_file_faults(entry: CatalogueEntry, at: str, files: SplitFiles) -> list[str]:
    if files.parts is not None:
        if files.all or not files.parts or any(part.parts for part in files.parts):
            return [f"{at}: needs parts that each name files, and nothing beside them"]
        if "dialogues" in {entry.reader, *(part.reader for part in files.parts)}:
            return [f"{at}: needs one file, and no parts, for the reader dialogues"]
        return [
            fault
            for place, part in enumerate(files.parts)
            for fault in _split_file_faults(entry, f"{at}.parts.{place}", part)
        ]
    if files.source is not None or files.sha256 is not None:
        return _source_faults(at, files)
    reader = files.reader or entry.reader
    pair = bool(files.src and files.tgt and not files.file)
    if reader == "parallel_lines" and not pair:
        return [f"{at}: needs src and tgt, and no file, for the reader parallel_lines"]
    alone = bool(files.file and not (files.src or files.tgt or files.references))
    if reader == "sgm" and not (pair or alone):
        return [f"{at}: needs src and tgt, or a file that holds both, for the reader sgm"]
    if reader == "recordings":
        return _recording_file_faults(entry, at, files)
    if files.audio:
        return [f"{at}.audio: belongs to the reader recordings only"]
    if reader not in ("parallel_lines", "sgm") and not alone:
        return [f"{at}: needs file, and neither src, tgt nor references, for the reader {reader}"]
    return [fault for name in files.all for fault in _file_name_faults(entry, at, name, reader)]


def _recording_file_faults(entry: CatalogueEntry, at: str, files: SplitFiles) -> list[str]:
    if not files.audio or files.src or files.tgt or files.references:
        return [
            f"{at}: needs audio, the folder of an archive, and maybe the file of the transcripts, "
            "and neither src, tgt nor references, for the reader recordings"
        ]
    faults = _file_name_faults(entry, at, files.file, "recordings") if files.file else []
    # The folder may be the whole archive.
    if (entry.locate(files.audio) or ("",))[0].endswith(ARCHIVES):
        return faults
    return [*faults, *_file_name_faults(entry, at, files.audio, "documents")]


def _source_faults(at: str, files: SplitFiles) -> list[str]:
    scheme = (files.source or "").partition(":")[0]
    if files.all or scheme not in SOURCES:
        return [f"{at}: needs either files, or a source: {', '.join(SOURCES.values())}"]
    if scheme == "sacrebleu" and files.sha256:
        return [f"{at}.sha256: leave it out; sacreBLEU knows the checksums of its test sets"]
    if scheme != "sacrebleu" and not files.sha256:
        return [f"{at}.sha256: {NEEDS_SHA256}"]
    return []


def _file_name_faults(entry: CatalogueEntry, at: str, name: str, reader: str) -> list[str]:
    known = list(entry.stored())
    found = entry.locate(name)
    if found is None:
        guess = nearest(name, known) or nearest(name.partition("/")[0], known)
        hint = f"did you mean {plain(guess)}?" if guess else f"known: {some(known)}"
        return [f"{at}: {plain(name)} is not among files ({hint})"]
    file, member = found
    archive = file.endswith(ARCHIVES)
    if reader in WHOLE_FILES and (member or archive != (reader == "moses")):
        what = "an archive itself" if reader == "moses" else "a file that is in no archive"
        return [f"{at}: needs {what} for the reader {reader}, got {plain(name)}"]
    if archive and not member and reader != "moses":
        inside = "the folder" if reader == "documents" else "train.txt"
        return [f"{at}: {plain(file)} is an archive; name a file in it, as {plain(file)}/{inside}"]
    if not archive and (member or reader == "documents"):
        return [
            f"{at}: {plain(file)} is not an archive ({', '.join(ARCHIVES)}), so it has no "
            f"{plain(member) or 'folder'}"
        ]
    return []


def split_parts(entry: CatalogueEntry) -> list[SplitFiles]:
    """All splits, and the parts of those that have some."""
    splits = [getattr(entry.splits, name, None) for name in ("train", "dev", "test")]
    return [part for split in splits if split for part in [split, *(split.parts or [])]]
