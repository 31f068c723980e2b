"""Download: where files come from, that each is checked, and what is said when one is missing."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn2seq.catalogue.catalogue import read_catalogue_entry, read_raw_entry
from attn2seq.catalogue.entry import CatalogueEntry, Generator
from attn2seq.errors import UserError
from attn2seq.reading.readers import read_rows
from attn2seq.sources import download, fetch
from attn2seq.sources.download import Places, download_corpus, resolve_mirror

CONTENT = b"a\tb\n"
SHA = hashlib.sha256(CONTENT).hexdigest()
# Nothing listens on port 9, so that the answer comes at once and without a network.
NOWHERE = "https://127.0.0.1:9/mine.tsv"
Make = Callable[..., CatalogueEntry]


@pytest.fixture
def fetched(entry: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Make:
    """An entry whose one file is to be fetched from an address that does not answer."""
    monkeypatch.setattr(download, "RETRIES", 0)

    def make(sha256: str = SHA, **changes: Any) -> CatalogueEntry:
        files = [{"url": NOWHERE, "sha256": sha256}]
        return CatalogueEntry.model_validate(entry(files=files, **changes))

    return make


def places(tmp_path: Path, mirror: Path | str | None = None) -> Places:
    return Places(tmp_path / "local", tmp_path / "cache", mirror)


def ignore(_: str) -> None:
    pass


def test_a_mirror_folder_is_tried_first(tmp_path: Path, fetched: Make) -> None:
    (tmp_path / "mirror" / "mine").mkdir(parents=True)
    (tmp_path / "mirror" / "mine" / "mine.tsv").write_bytes(CONTENT)
    download_corpus(fetched(), tmp_path / "raw", places(tmp_path, tmp_path / "mirror"), ignore)
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == CONTENT
    assert read_raw_entry(tmp_path / "raw") == fetched()


def test_the_folder_of_the_entry_names_the_one_in_the_mirror(tmp_path: Path, fetched: Make) -> None:
    (tmp_path / "mirror" / "shelf").mkdir(parents=True)
    (tmp_path / "mirror" / "shelf" / "mine.tsv").write_bytes(CONTENT)
    entry = fetched(folder="shelf")
    download_corpus(entry, tmp_path / "raw", places(tmp_path, tmp_path / "mirror"), ignore)
    assert (tmp_path / "raw" / "mine.tsv").is_file()


def other_packing(fetched: Make) -> CatalogueEntry:
    """The entry of a file whose contents a mirror may hold in another packing."""
    [file] = fetched().files
    packed = {"name": "mine.packed", "sha256": hashlib.sha256(b"packed").hexdigest()}
    values = file.model_dump(exclude_none=True) | {"mirrored": packed}
    return CatalogueEntry.model_validate(fetched().model_dump() | {"files": [values]})


def test_a_mirror_may_give_the_same_in_another_packing(tmp_path: Path, fetched: Make) -> None:
    shelf = tmp_path / "mirror" / "mine"
    shelf.mkdir(parents=True)
    (shelf / "mine.packed").write_bytes(b"packed")
    entry, where = other_packing(fetched), places(tmp_path, tmp_path / "mirror")
    download_corpus(entry, tmp_path / "raw", where, ignore)
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == b"packed"
    (shelf / "mine.packed").write_bytes(b"another")
    with pytest.raises(UserError, match=r"mine\.packed has the sha256"):
        download_corpus(entry, tmp_path / "raw", where, ignore)
    (shelf / "mine.tsv").write_bytes(CONTENT)  # what the entry names comes first
    download_corpus(entry, tmp_path / "raw", where, ignore)
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == CONTENT


def test_a_mirror_at_an_address_may_too(
    tmp_path: Path, fetched: Make, served: tuple[str, Path]
) -> None:
    address, folder = served
    (folder / "mine" / "mine.packed").write_bytes(b"packed")
    download_corpus(other_packing(fetched), tmp_path / "raw", places(tmp_path, address), ignore)
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == b"packed"


@pytest.mark.promise("download")
@pytest.mark.parametrize("content", [CONTENT[:-1], b"<html>not found</html>"])
def test_a_wrong_checksum_in_a_mirror_leaves_nothing(
    tmp_path: Path, fetched: Make, content: bytes
) -> None:
    (tmp_path / "mirror" / "mine").mkdir(parents=True)
    (tmp_path / "mirror" / "mine" / "mine.tsv").write_bytes(content)
    with pytest.raises(UserError, match=rf"mine\.tsv has the sha256 \w+, but .* mine says {SHA}"):
        download_corpus(fetched(), tmp_path / "raw", places(tmp_path, tmp_path / "mirror"), ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]


def test_an_address_as_mirror_fills_the_cache_which_serves_from_then_on(
    tmp_path: Path, fetched: Make, served: tuple[str, Path]
) -> None:
    address, folder = served
    (folder / "mine" / "mine.tsv").write_bytes(CONTENT)
    download_corpus(fetched(), tmp_path / "raw", places(tmp_path, address), ignore)
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [SHA]
    (folder / "mine" / "mine.tsv").unlink()
    said: list[str] = []
    download_corpus(fetched(), tmp_path / "again", places(tmp_path), said.append)
    assert (tmp_path / "again" / "mine.tsv").read_bytes() == CONTENT
    assert not any("fetching" in line for line in said)


@pytest.mark.promise("download")
def test_a_damaged_file_in_the_cache_is_fetched_anew(
    tmp_path: Path, fetched: Make, served: tuple[str, Path]
) -> None:
    address, folder = served
    (folder / "mine" / "mine.tsv").write_bytes(CONTENT)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / SHA).write_bytes(b"damaged")
    download_corpus(fetched(), tmp_path / "raw", places(tmp_path, address), ignore)
    assert (tmp_path / "raw" / "mine.tsv").read_bytes() == CONTENT


def test_without_a_network_the_answer_names_the_address_and_the_mirror_setting(
    tmp_path: Path, fetched: Make
) -> None:
    (tmp_path / "mirror").mkdir()
    with pytest.raises(UserError) as caught:
        download_corpus(fetched(), tmp_path / "raw", places(tmp_path, tmp_path / "mirror"), ignore)
    text = str(caught.value)
    assert "cannot fetch mine.tsv of mine" in text
    assert f"{tmp_path / 'mirror' / 'mine' / 'mine.tsv'} does not exist" in text
    assert f"{NOWHERE}: [Errno 111] Connection refused" in text
    assert "set CORPUS_MIRROR to a folder (or an address) that holds it as mine/mine.tsv" in text
    assert not (tmp_path / "raw").exists()


@pytest.mark.promise("fetching")
def test_what_an_address_gives_is_checked(
    tmp_path: Path, fetched: Make, served: tuple[str, Path]
) -> None:
    address, folder = served
    (folder / "mine" / "mine.tsv").write_bytes(b"another\n")
    with pytest.raises(
        UserError,
        match=rf"{address}/mine/mine\.tsv: gave 8 bytes with sha256 \w+, but the catalogue",
    ):
        download_corpus(fetched(), tmp_path / "raw", places(tmp_path, address), ignore)
    assert not (tmp_path / "raw").exists()


def test_a_mirror_that_lacks_the_file_is_passed_over(
    tmp_path: Path, fetched: Make, served: tuple[str, Path]
) -> None:
    with pytest.raises(UserError, match=r"mine/mine\.tsv: 404(.|\n)*127\.0\.0\.1:9/mine\.tsv: "):
        download_corpus(fetched(), tmp_path / "raw", places(tmp_path, served[0]), ignore)


@pytest.mark.promise("fetching")
def test_a_file_that_is_too_large_is_not_fetched_to_its_end(
    tmp_path: Path, fetched: Make, served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = served
    (folder / "mine" / "mine.tsv").write_bytes(CONTENT)
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 3)
    with pytest.raises(UserError, match="larger than 3 bytes"):
        download_corpus(fetched(), tmp_path / "raw", places(tmp_path, address), ignore)
    assert list((tmp_path / "cache").iterdir()) == []


def test_files_of_a_users_own(tmp_path: Path, write_entry: Callable[..., Path]) -> None:
    (tmp_path / "local" / "deep").mkdir(parents=True)
    (tmp_path / "local" / "deep" / "mine.tsv").write_bytes(CONTENT)
    entry = read_catalogue_entry(write_entry(files=[{"path": "deep/mine.tsv"}]), "mine")
    download_corpus(entry, tmp_path / "raw", places(tmp_path), ignore)
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["corpus.yaml", "mine.tsv"]


def test_a_missing_file_of_a_users_own(tmp_path: Path, write_entry: Callable[..., Path]) -> None:
    entry = read_catalogue_entry(write_entry(), "mine")
    with pytest.raises(
        UserError, match=r"local/mine\.tsv is missing: the corpus mine expects it there.*git add"
    ):
        download_corpus(entry, tmp_path / "raw", places(tmp_path), ignore)


def test_an_empty_file_of_a_users_own(tmp_path: Path, write_entry: Callable[..., Path]) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "mine.tsv").touch()
    entry = read_catalogue_entry(write_entry(), "mine")
    with pytest.raises(UserError, match=r"local/mine\.tsv is empty"):
        download_corpus(entry, tmp_path / "raw", places(tmp_path), ignore)


def test_a_generated_corpus_becomes_parallel_lines(
    tmp_path: Path, entry: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pairs(seed: int, sizes: dict[str, int]) -> dict[str, list[tuple[str, str]]]:
        return {
            split: [(f"{split} {seed} {place}", "Ä") for place in range(size)]
            for split, size in sizes.items()
        }

    monkeypatch.setattr(download, "generate_phrasebook", pairs)
    generator = Generator(name="phrasebook", seed=7, train=3, dev=2, test=1)
    absent = ("files", "delimiter", "columns", "splits", "make_splits")
    values = entry(reader="generated", generator=generator.model_dump(), **dict.fromkeys(absent))
    generated = CatalogueEntry.model_validate(values)
    download_corpus(generated, tmp_path / "raw", places(tmp_path), ignore)
    assert (tmp_path / "raw" / "dev.en").read_text("utf-8") == "dev 7 0\ndev 7 1\n"
    assert (tmp_path / "raw" / "train.de").read_text("utf-8") == "Ä\nÄ\nÄ\n"


def test_the_mirror_setting(tmp_path: Path) -> None:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "repository").mkdir()
    assert resolve_mirror(None, tmp_path) is None
    assert resolve_mirror("", tmp_path) is None
    assert resolve_mirror("https://example.org/corpora/", tmp_path) == "https://example.org/corpora"
    assert resolve_mirror(str(tmp_path), Path("/")) == tmp_path
    found = resolve_mirror("../shelf", tmp_path / "repository")
    assert isinstance(found, Path)
    assert found.samefile(tmp_path / "shelf")


@pytest.mark.promise("fetching")
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("../nowhere", r"CORPUS_MIRROR names the folder .*nowhere, which does not exist"),
        ("ftp://example.org", "CORPUS_MIRROR must be a folder or an https address, got ftp"),
    ],
)
def test_a_mirror_setting_that_cannot_be_used(tmp_path: Path, value: str, fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        resolve_mirror(value, tmp_path)


def test_files_of_the_same_name_in_folders(
    tmp_path: Path, write_entry: Callable[..., Path]
) -> None:
    """Named in splits as in `files`; where one alone has the name, its last part will do, too."""
    sides = [
        f"{split}/seq.{side}" for split in ("train", "valid", "test") for side in ("in", "out")
    ]
    for name in sides:
        (tmp_path / "local" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "local" / name).write_text(f"{name}\n")
    splits = {
        ours: {"src": f"{theirs}/seq.in", "tgt": f"{theirs}/seq.out"}
        for ours, theirs in (("train", "train"), ("dev", "valid"), ("test", "test"))
    }
    parallel = {"reader": "parallel_lines", "delimiter": None, "columns": None, "make_splits": None}
    files = [{"path": name} for name in sides]
    entry = read_catalogue_entry(write_entry(files=files, splits=splits, **parallel), "mine")
    download_corpus(entry, tmp_path / "raw", places(tmp_path), ignore)
    assert [row.src for row in read_rows(tmp_path / "raw", entry, "dev")] == ["valid/seq.in"]

    for name in ("sub/a.en", "a.en"):
        splits = {"train": {"src": name, "tgt": "train/seq.out"}}
        files = [{"path": "sub/a.en"}, {"path": "train/seq.out"}]
        made = parallel | {"make_splits": {"dev": 1, "test": 1, "seed": 1}}
        (tmp_path / "local/sub").mkdir(exist_ok=True)
        (tmp_path / "local/sub/a.en").write_text("a\n")
        entry = read_catalogue_entry(write_entry(files=files, splits=splits, **made), "mine")
        download_corpus(entry, tmp_path / "raw", places(tmp_path), ignore)
        assert [row.src for row in read_rows(tmp_path / "raw", entry, "train")] == ["a"]


def test_accents_of_a_file_s_name_are_encoded_in_either_way(
    tmp_path: Path, write_entry: Callable[..., Path]
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local/Gru\u0308\u00dfe.tsv").write_text("Hello.\tHallo.\n")
    name = "Gr\u00fc\u00dfe.tsv"
    folder = write_entry(files=[{"path": name}], splits={"train": {"file": name}})
    download_corpus(read_catalogue_entry(folder, "mine"), tmp_path / "raw", places(tmp_path), print)
    assert (tmp_path / "raw" / name).read_text() == "Hello.\tHallo.\n"
