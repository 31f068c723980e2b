"""Texts that a repository keeps in Git LFS: pointers are reported, and the remedy brings them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from finished_workspace import IDENTITY, forget_environment, shell
from ruamel.yaml import YAML
from smallest_entry import ENTRY
from tiny_project import PROJECT, run_stages, write_params

from attn2seq.cli.main import main

pytestmark = [
    pytest.mark.promise("mistakes"),
    pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed"),
]
PAIRS = [(f"the dog number {i} barks", f"der Hund Nummer {i} bellt") for i in range(60)]
SPLITS = {"make_splits": {"dev": 10, "test": 10, "seed": 1}}
PARQUET = {"files": [{"path": "mine.parquet"}], "reader": "parquet", "delimiter": None,
           "columns": {"src": "src", "tgt": "tgt"},
           "splits": {"train": {"file": "mine.parquet"}}}  # fmt: skip


@pytest.fixture
def shared(in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare repository with texts in Git LFS, in a folder whose files git reaches by `file://`."""
    forget_environment(monkeypatch)
    # Where the filters of Git LFS may be set up, and where the remedy sets them up.
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(in_tmp_path / "gitconfig"))
    bare, texts = in_tmp_path / "shared.git", in_tmp_path / "texts"
    shell(in_tmp_path, f"git init --quiet --bare {bare} && git init --quiet {texts}")
    for key, value in IDENTITY.items():
        shell(texts, f"git config {key} {value}")
    table = pd.DataFrame(PAIRS, columns=["src", "tgt"])
    table.to_csv(texts / "mine.tsv", sep="\t", header=False, index=False)
    table.to_parquet(texts / "mine.parquet")
    shell(texts, "git lfs install --local && git lfs track '*.tsv' '*.parquet' && git add .")
    shell(texts, f"git commit --quiet --message Texts && git push --quiet file://{bare} HEAD:main")
    shell(bare, "git symbolic-ref HEAD refs/heads/main")
    shutil.rmtree(texts)
    return bare


def clone(bare: Path, folder: Path) -> None:
    """As by a git in which Git LFS was never set up: each file is a pointer."""
    shell(bare, f"git clone --quiet file://{bare} {folder}")
    assert (folder / "mine.tsv").read_bytes().startswith(b"version https://git-lfs")


def write_entry(root: Path, changes: dict[str, object]) -> None:
    values = {key: value for key, value in (ENTRY | SPLITS | changes).items() if value is not None}
    (root / "data/catalogue").mkdir(parents=True)
    YAML(typ="safe").dump(values, root / "data/catalogue/mine.yaml")
    write_params(root, "phrasebook-en-de", {"download": {"corpus": "mine"}})


def refused_by_prepare(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        run_stages(root, until="prepare")
    return capsys.readouterr().err


def pairs_prepared(root: Path) -> list[tuple[str, str]]:
    run_stages(root, until="prepare")
    tables = [pd.read_parquet(path) for path in (root / "data/prepared").glob("*.parquet")]
    return sorted(pair for table in tables for pair in zip(table.src, table.tgt, strict=True))


def test_a_text_that_was_copied_from_a_clone(
    shared: Path, in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, local = in_tmp_path / "texts", in_tmp_path / "data/local"
    clone(shared, texts)
    write_entry(in_tmp_path, {})
    local.mkdir()
    shutil.copyfile(texts / "mine.tsv", local / "mine.tsv")
    said = refused_by_prepare(in_tmp_path, capsys)
    assert (
        "data/local/mine.tsv is a pointer of Git LFS, not the file itself: run `git lfs install` "
        "and `git lfs pull` in the repository that it comes from, and copy it again"
    ) in said
    shell(texts, "git lfs install && git lfs pull")
    shutil.copyfile(texts / "mine.tsv", local / "mine.tsv")
    assert pairs_prepared(in_tmp_path) == sorted(PAIRS)


def test_a_table_in_data_local_which_is_a_clone(
    shared: Path, in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_entry(in_tmp_path, PARQUET)
    clone(shared, in_tmp_path / "data/local")
    said = refused_by_prepare(in_tmp_path, capsys)
    assert "data/local/mine.parquet is not a parquet table: it is a pointer of Git LFS" in said
    assert "which `git lfs install` and `git lfs pull` replace by the file" in said
    shell(in_tmp_path / "data/local", "git lfs install && git lfs pull")
    assert pairs_prepared(in_tmp_path) == sorted(PAIRS)


@pytest.mark.parametrize("name", ["mine.tsv", "mine.parquet"])
def test_a_file_that_is_to_become_a_corpus(
    name: str, shared: Path, in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = in_tmp_path / "texts"
    clone(shared, texts)
    write_entry(in_tmp_path, {})
    shutil.copyfile(PROJECT / "dvc.yaml", in_tmp_path / "dvc.yaml")
    verb = ["new", str(texts / name), "--name", "pulled", "--src-lang", "en", "--tgt-lang", "de"]
    assert main(verb) == 1
    assert "`git lfs install` and `git lfs pull` bring it" in capsys.readouterr().err
    shell(texts, "git lfs install && git lfs pull")
    assert main(verb) == 0
    assert f"{len(PAIRS)}: {len(PAIRS)} distinct sources" in capsys.readouterr().out
