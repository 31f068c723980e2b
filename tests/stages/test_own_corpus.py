"""A user's own texts, by the very entries that the README shows."""

import hashlib
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from finished_steps import stages_run
from ruamel.yaml import YAML
from tiny_project import PROJECT, run_stages, write_params
from tiny_repository import Repository

from attn2seq.workspace.stage import run_stage

yaml = YAML(typ="safe")
PAIRS = [(f"the {word} number {i}", f"die {word} Nummer {i}") for word in "abcdef"
         for i in range(20)]  # fmt: skip
TEXTS = {
    "mine.en": "".join(f"{src}\n" for src, _ in PAIRS),
    "mine.de": "".join(f"{tgt}\n" for _, tgt in PAIRS),
    "mine.tsv": "".join(f"{src}\t{tgt}\n" for src, tgt in PAIRS),
    "mine.jsonl": "".join(
        json.dumps({"question": src, "answer": tgt}) + "\n" for src, tgt in PAIRS
    ),
}


def readme_entries() -> dict[str, dict[str, Any]]:
    """By reader: the whole entry that the README shows, and with what it shows for the others."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    section = text.partition("### Your own texts")[2].partition("\n### ")[0]
    first, *others = [yaml.load(block) for block in re.findall(r"```yaml\n(.*?)```", section, re.S)]
    return {entry["reader"]: entry for entry in (first, *(first | other for other in others))}


@pytest.mark.parametrize("reader", ["parallel_lines", "delimited", "json_lines"])
def test_what_the_readme_shows_becomes_a_corpus(reader: str, in_tmp_path: Path) -> None:
    entry = readme_entries()[reader]
    entry["make_splits"] |= {"dev": 10, "test": 10}
    for folder in ("data/catalogue", "data/local"):
        (in_tmp_path / folder).mkdir(parents=True)
    yaml.dump(entry, in_tmp_path / "data/catalogue/mine.yaml")
    for file in entry["files"]:
        (in_tmp_path / "data/local" / file["path"]).write_text(TEXTS[file["path"]], "utf-8")
    changes = {"download": {"corpus": "mine"}, "tokenize": {"vocabulary_size": 30}}
    write_params(in_tmp_path, "phrasebook-en-de", changes)
    run_stages(in_tmp_path, until="prepare")  # from there on all corpora are alike
    tables = [
        pd.read_parquet(in_tmp_path / f"data/prepared/{split}.parquet")
        for split in ("train", "dev", "test")
    ]
    assert [len(table) for table in tables] == [100, 10, 10]
    read = {(src, tgt) for table in tables for src, tgt in zip(table.src, table.tgt, strict=True)}
    assert read == set(PAIRS)


def test_an_unknown_sha256_is_filled_in_by_the_stage(
    in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = readme_entries()["delimited"]
    entry["files"] = [{"url": "https://127.0.0.1:9/mine.tsv", "sha256": "unknown"}]
    entry["make_splits"] |= {"dev": 10, "test": 10}
    for folder in ("data/catalogue", "data/local", "mirror/mine"):
        (in_tmp_path / folder).mkdir(parents=True)
    path = in_tmp_path / "data/catalogue/mine.yaml"
    yaml.dump(entry, path)
    before = path.read_text(encoding="utf-8")
    (in_tmp_path / "mirror/mine/mine.tsv").write_text(TEXTS["mine.tsv"], encoding="utf-8")
    monkeypatch.setenv("CORPUS_MIRROR", str(in_tmp_path / "mirror"))
    write_params(in_tmp_path, "phrasebook-en-de", {"download": {"corpus": "mine"}})
    run_stages(in_tmp_path, "download")
    sha256 = hashlib.sha256(TEXTS["mine.tsv"].encode()).hexdigest()
    assert path.read_text(encoding="utf-8") == before.replace("unknown", sha256)
    raw = yaml.load(in_tmp_path / "data/raw/corpus.yaml")
    assert raw["files"] == [{"url": "https://127.0.0.1:9/mine.tsv", "sha256": sha256}]
    # Another file is not taken for it from now on.
    (in_tmp_path / "mirror/mine/mine.tsv").write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        run_stages(in_tmp_path, "download")


@pytest.mark.slow
def test_only_local_files_that_are_named_are_noticed(built: Repository) -> None:
    local = built.root / "data/local"
    (local / "notes.txt").write_text("another corpus\n", encoding="utf-8")
    (local / "README.md").write_text("edited\n", encoding="utf-8")
    assert stages_run(built.dvc("repro", "prepare")) == ["check"]
    with (local / "reversed.train.tsv").open("a", encoding="utf-8") as file:
        file.write("abcdefgh\tHGFEDCBA\n")
    assert stages_run(built.dvc("repro", "prepare")) == ["check", "download", "prepare"]
    account = json.loads((built.root / "results/prepare/metrics.json").read_text("utf-8"))
    assert account["train"]["read"] == 401
    # A queued experiment sees what git tracks: here the file as it was committed.
    built.run("git", "checkout", "--", "data/local/reversed.train.tsv")
    (local / "reversed.dev.tsv").unlink()
    said = built.dvc("repro", "prepare", status=255)
    assert stages_run(said) == ["check"]
    assert "data/local/reversed.dev.tsv is missing" in said


def test_a_local_file_edited_after_check_is_not_fetched_under_its_old_digest(
    in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("data/catalogue", "data/local"):
        (in_tmp_path / folder).mkdir(parents=True)
    yaml.dump(readme_entries()["delimited"], in_tmp_path / "data/catalogue/mine.yaml")
    (in_tmp_path / "data/local/mine.tsv").write_text(TEXTS["mine.tsv"], encoding="utf-8")
    write_params(in_tmp_path, "phrasebook-en-de", {"download": {"corpus": "mine"}})
    run_stages(in_tmp_path, "check")
    (in_tmp_path / "data/local/mine.tsv").write_text("a\tb\n", encoding="utf-8")
    for broken, told in ((False, "tells of other files in data/local"), (True, "is missing")):
        if broken:
            (in_tmp_path / "results/check/ok").unlink()
        with pytest.raises(SystemExit):
            run_stage("download", import_module("pipeline.download").main)
        said = capsys.readouterr().err
        assert f"download: error: results/check/ok {told}" in said
        assert not (in_tmp_path / "data/raw").exists()
    run_stages(in_tmp_path, "download")  # check among them: the remedy that is told
