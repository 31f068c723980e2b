"""Slices of the shipped corpora of recordings, from the mirror's archive to a report."""

import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML
from tiny_project import PROJECT, run_stages, write_params
from tone_corpus import packed

SPEAKERS, EACH = 10, 2
yaml = YAML(typ="safe")


def an4_slice(source: Path) -> bytes:
    """Two recordings of each of the first ten speakers of train and test, and their transcripts."""
    kept: dict[str, bytes | str] = {}
    texts: dict[str, str] = {}
    seen, folders = Counter[str](), Counter[str]()
    with tarfile.open(source) as whole:
        for member in whole:
            if member.name.endswith(".transcription"):
                texts[member.name] = content(whole, member).decode()
            folder, _, speaker = member.name.rpartition("/")[0].rpartition("/")
            if not member.name.endswith(".flac"):
                continue
            folders[folder] += seen[f"{folder}/{speaker}"] == 0
            seen[f"{folder}/{speaker}"] += 1
            if folders[folder] <= SPEAKERS and seen[f"{folder}/{speaker}"] <= EACH:
                kept[member.name] = content(whole, member)
    names = {Path(name).stem for name in kept}
    for name, text in texts.items():
        lines = text.splitlines(keepends=True)
        kept[name] = "".join(line for line in lines if re.findall(r"\((.*)\)", line)[0] in names)
    return packed(kept)


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert isinstance(file, io.BufferedReader)
    return file.read()


def project(root: Path, name: str, archive: bytes | None, **changes: Any) -> None:
    """An entry with changes, and in `root`/mirror the archive that it then knows."""
    entry = yaml.load(PROJECT / f"data/catalogue/{name}.yaml") | changes
    if archive is not None:
        same = entry["files"][0]["mirrored"]
        (root / "mirror" / name).mkdir(parents=True)
        (root / "mirror" / name / same["name"]).write_bytes(archive)
        same["sha256"] = hashlib.sha256(archive).hexdigest()
    (root / "data/catalogue").mkdir(parents=True)
    (root / "data/local").mkdir()
    yaml.dump(entry, root / f"data/catalogue/{name}.yaml")


def test_the_recipe_an4_runs_through_all_stages(
    mirror: Path, in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = an4_slice(mirror / "an4/an4-flac.tar.gz")
    project(in_tmp_path, "an4", archive, make_splits={"dev": 3, "seed": 1})
    monkeypatch.setenv("CORPUS_MIRROR", str(in_tmp_path / "mirror"))
    write_params(in_tmp_path, "an4", {"features": {"front_end_size": 4}})
    run_stages(in_tmp_path)
    speakers = {}
    for split, count in (("train", 7), ("dev", 3), ("test", 10)):
        pairs = pd.read_parquet(in_tmp_path / f"data/prepared/{split}.parquet")
        assert len(pairs) == count * EACH
        speakers[split] = {name.split("/")[0] for name in pairs["src"]}
    assert len(set.union(*speakers.values())) == 20
    scores = json.loads((in_tmp_path / "results/evaluate/metrics.json").read_text())
    assert scores["test"]["wer"] > 0
    facts = json.loads((in_tmp_path / "data/prepared/corpus.json").read_text())
    assert facts["judged_by"] == "wer"
    page = (in_tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert '"mels":' in page
    assert "showRecording" in page


def test_yesno_is_spelt_by_its_names(
    mirror: Path, in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(in_tmp_path, "yesno", None)
    monkeypatch.setenv("CORPUS_MIRROR", str(mirror))
    changes = {
        "download": {"corpus": "yesno"},
        "tokenize": {"model_type": "word", "joint_vocabulary": False},
        "features": {"front_end": "pyramid", "front_end_size": 4, "mel_bins": 20},
        "model": {"tie_embeddings": "target"},
        "train": {"max_tokens": 200},
    }
    write_params(in_tmp_path, "phrasebook-en-de", changes)
    run_stages(in_tmp_path, until="evaluate")
    pairs = pd.read_parquet(in_tmp_path / "data/prepared/train.parquet")
    assert len(pairs) == 40
    for name, text in zip(pairs["src"], pairs["tgt"], strict=True):
        assert text == " ".join({"0": "NO", "1": "YES"}[part] for part in name.split("_"))
