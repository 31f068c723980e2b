"""Where word vectors come from: the catalogue, or a file in data/local/, into data/raw/vectors/."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.config import ConfigError
from attn2seq.errors import UserError
from attn2seq.sources.download import Places, download_corpus
from attn2seq.sources.vectors import VectorsEntry, find_vectors, raw_vectors, read_vectors_entry

CATALOGUE = Path(__file__).parents[2] / "data" / "catalogue"
TEXT = b"the 1 2\nhouse 3 4\n"
LINES = [(1, "the 1 2"), (2, "house 3 4")]
VECTORS: dict[str, Any] = {
    "name": "tiny", "title": "Tiny vectors", "file": {"path": "tiny.txt"}, "licence": "my own",
    "citation": "none",
}  # fmt: skip


def zipped(text: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("folder/tiny.2d.txt", text)
    return content.getvalue()


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[..., Path]:
    """Writes an entry of vectors; gives the catalogue."""

    def write(stem: str = "tiny", **changes: Any) -> Path:
        folder = tmp_path / "catalogue" / "vectors"
        folder.mkdir(parents=True, exist_ok=True)
        values = {key: value for key, value in (VECTORS | changes).items() if value is not None}
        with (folder / f"{stem}.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(values, file)
        return folder.parent

    return write


@pytest.fixture
def download(
    tmp_path: Path, entry: Callable[..., dict[str, Any]]
) -> Callable[[dict[str, VectorsEntry]], list[str]]:
    """Fetches a corpus of one file, and vectors; gives what was said."""
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "mine.tsv").write_text("a\tb\n")

    def run(vectors: dict[str, VectorsEntry]) -> list[str]:
        said: list[str] = []
        places = Places(tmp_path / "local", tmp_path / "cache", tmp_path / "mirror")
        corpus = CatalogueEntry.model_validate(entry())
        download_corpus(corpus, tmp_path / "raw", places, said.append, vectors)
        return said

    return run


def test_the_shipped_entries_are_sound() -> None:
    names = sorted(path.stem for path in (CATALOGUE / "vectors").glob("*.yaml"))
    assert names == ["glove-6b-100d", "glove-6b-300d"]
    for name in names:
        entry = find_vectors(CATALOGUE, Path("nowhere"), name)
        assert entry.text == f"glove.6B.zip/glove.6B.{name.rsplit('-', 1)[1]}.txt"


def test_an_archive_from_a_mirror_serves_both_sides(
    tmp_path: Path, catalogue: Callable[..., Path], download: Callable[..., list[str]]
) -> None:
    """It lies in the mirror's folder vectors, is checked, and stored once."""
    content = zipped(TEXT)
    (tmp_path / "mirror" / "vectors").mkdir(parents=True)
    (tmp_path / "mirror" / "vectors" / "tiny.zip").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    file = {"url": "https://127.0.0.1:9/some/tiny.zip", "sha256": sha256}
    found = find_vectors(
        catalogue(file=file, member="folder/tiny.2d.txt"), tmp_path / "local", "tiny"
    )
    said = download({"src": found, "tgt": found})
    assert said[1:] == ["Tiny vectors (tiny), licence: my own", f"tiny.zip: {len(content)} bytes"]
    raw = raw_vectors(tmp_path / "raw")
    assert sorted(raw) == ["src", "tgt"]
    assert raw["tgt"].name == "tiny.zip/folder/tiny.2d.txt"
    assert list(raw["tgt"].lines()) == LINES
    (tmp_path / "mirror" / "vectors" / "tiny.zip").write_bytes(zipped(TEXT + b"more 5 6\n"))
    with pytest.raises(UserError, match=rf"tiny\.zip has the sha256 .* tiny says {sha256}"):
        download({"src": found})


@pytest.mark.parametrize("name", ["own.txt", "deep/own.vec"])
def test_a_file_of_ones_own(
    tmp_path: Path, catalogue: Callable[..., Path], download: Callable[..., list[str]], name: str
) -> None:
    (tmp_path / "local" / "deep").mkdir()
    (tmp_path / "local" / name).write_bytes(TEXT)
    entry = find_vectors(catalogue(), tmp_path / "local", name)
    download({"tgt": entry})
    assert list(raw_vectors(tmp_path / "raw")) == ["tgt"]
    assert list(raw_vectors(tmp_path / "raw")["tgt"].lines()) == LINES


def test_without_vectors_data_raw_is_as_ever(
    tmp_path: Path, download: Callable[..., list[str]]
) -> None:
    download({})
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["corpus.yaml", "mine.tsv"]
    assert raw_vectors(tmp_path / "raw") == {}


def test_two_files_of_one_name_are_told(
    tmp_path: Path, catalogue: Callable[..., Path], download: Callable[..., list[str]]
) -> None:
    for folder in ("en", "de"):
        (tmp_path / "local" / folder).mkdir()
        (tmp_path / "local" / folder / "own.txt").write_bytes(TEXT)
    found = {
        side: find_vectors(catalogue(), tmp_path / "local", f"{folder}/own.txt")
        for side, folder in (("src", "en"), ("tgt", "de"))
    }
    with pytest.raises(UserError, match=r"two different files of vectors are named own\.txt"):
        download(found)
    (tmp_path / "local" / "en" / "own.txt").unlink()
    with pytest.raises(
        UserError, match=r"local/en/own\.txt is missing: the vectors own expects it"
    ):
        download({"src": found["src"]})
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("name", ["tinny", "../local/own.txt", "/etc/hostname", "nothing/"])
def test_a_name_that_leads_nowhere(
    tmp_path: Path, catalogue: Callable[..., Path], name: str
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "own.txt").write_bytes(TEXT)
    with pytest.raises(UserError, match=r"no vectors '.*': .* is missing, and so is .*git add"):
        find_vectors(catalogue(), tmp_path / "local", name)


def test_the_nearest_name_is_told(tmp_path: Path, catalogue: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"\(did you mean tiny\?\)"):
        find_vectors(catalogue(), tmp_path, "tinny")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "other"}, "name: must be that of the file, tiny, got 'other'"),
        ({"file": {}}, "file: needs either url, or path"),
        ({"file": {"url": "https://x/a", "path": "a"}}, "file: needs either url, or path"),
        ({"file": {"path": "../a.txt"}}, "file.path: must lie in data/local/, got '../a.txt'"),
        ({"file": {"url": "http://x/a.txt"}}, "file.url: must be the https:// address of a file"),
        ({"file": {"url": "https://x/a.txt"}}, "file.sha256: missing; needed for a file that is"),
        ({"file": {"path": "vectors.json"}}, "vectors.json is the name of a file of the pipeline"),
        ({"file": {"path": "a.zip"}}, "member: missing; a.zip is an archive, name the file in it"),
        ({"member": "b.txt"}, "member: tiny.txt is not an archive"),
        ({"licence": None}, "licence: missing"),
        ({"fille": {}}, "fille: unknown key (did you mean file?)"),
    ],
)
def test_an_entry_that_cannot_be(
    catalogue: Callable[..., Path], changes: dict[str, Any], fault: str
) -> None:
    path = catalogue(**changes) / "vectors" / "tiny.yaml"
    with pytest.raises(ConfigError) as caught:
        read_vectors_entry(path)
    assert str(caught.value).startswith(f"{path} has ")
    assert fault in str(caught.value)
