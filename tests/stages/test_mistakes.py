"""A user's mistakes, each made for real: a plain answer, exit status 1, and nothing left behind."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from smallest_entry import ENTRY as SMALLEST
from tiny_project import STAGES, run_stages, script_of, write_params

from attn2seq.workspace.stage import run_stage

yaml = YAML(typ="safe")
LINES = [f"the dog number {i} sees a cat\tder Hund Nummer {i} sieht eine Katze" for i in range(80)]
ENTRY = SMALLEST | {"make_splits": {"dev": 10, "test": 10, "seed": 1}}
PARALLEL = {
    "files": [{"path": "mine.en"}, {"path": "mine.de"}],
    "reader": "parallel_lines",
    "delimiter": None,
    "columns": None,
    "splits": {"train": {"src": "mine.en", "tgt": "mine.de"}},
}
OUTPUTS = {
    "code": "results/code", "check": "results/check", "download": "data/raw",
    "prepare": "data/prepared",
    "tokenize": "data/tokenized", "train": "models/trained", "decode": "results/decode",
    "evaluate": "results/evaluate", "package": "models/model", "report": "results/report",
}  # fmt: skip
Params = dict[str, dict[str, Any]]
Files = dict[str, bytes]


def tsv(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


# Mistake: changes of the entry, of params, the files; the stage that answers, and what it says.
MISTAKES: dict[str, tuple[dict[str, Any], Params, Files, str, list[str]]] = {
    "params unknown, missing, of the wrong kind and out of range": (
        {},
        {"decode": {"beem_size": 3}, "train": {"max_epochs": "many"}, "report": {"sentences": -1},
         "model": {"readout_dropout": None}},
        {},
        "check",
        ["4 errors", "decode.beem_size: unknown key (did you mean decode.beam_size?)",
         "train.max_epochs", "got 'many'", "report.sentences", "got -1",
         "model.readout_dropout: missing"],
    ),
    "a corpus that is not in the catalogue": (
        {}, {"download": {"corpus": "mien"}}, {}, "check",
        ["no corpus 'mien' in data/catalogue (did you mean mine?)"],
    ),
    "an entry with faults": (
        {"reader": "delimitid", "colums": 1}, {}, {}, "check",
        ["reader", "got 'delimitid'", "colums: unknown key (did you mean columns?)"],
    ),
    "a missing file": (
        {}, {}, {}, "check",
        ["download.corpus: data/local/mine.tsv is missing", "data/catalogue/mine.yaml", "git add"],
    ),
    "an empty file": ({}, {}, {"mine.tsv": b""}, "download", ["mine.tsv", "empty"]),
    "a wrong checksum": (
        {"files": [{"path": "mine.tsv", "sha256": hashlib.sha256(b"else").hexdigest()}]},
        {}, {"mine.tsv": tsv(*LINES)}, "download", ["mine.tsv", "sha256"],
    ),
    "no network": (
        {"files": [{"url": "https://127.0.0.1:9/mine.tsv", "sha256": "0" * 64}]}, {}, {},
        "download", ["https://127.0.0.1:9/mine.tsv", "refused", "set CORPUS_MIRROR"],
    ),
    "a file cut short": (
        {"files": [{"path": "mine.tsv.gz"}], "splits": {"train": {"file": "mine.tsv.gz"}}}, {},
        {"mine.tsv.gz": gzip.compress(tsv(*LINES))[:-20]}, "prepare",
        ["data/local/mine.tsv.gz", "cut short"],
    ),
    "bytes that are not UTF-8": (
        {}, {}, {"mine.tsv": tsv(*LINES[:6]) + b"caf\xe9\tKaffee\n"}, "prepare",
        ["data/local/mine.tsv, line 7: not UTF-8"],
    ),
    "sides of unequal length": (
        PARALLEL, {}, {"mine.en": b"a b\n" * 80, "mine.de": b"c d\n" * 79}, "prepare",
        ["data/local/mine.en", "80", "data/local/mine.de", "79"],
    ),
    "a missing column": (
        {}, {}, {"mine.tsv": tsv(*LINES[:3], "no tab here", *LINES[3:])}, "prepare",
        ["data/local/mine.tsv, line 4: column 2 is missing"],
    ),
    "splits larger than the corpus": (
        {"make_splits": {"dev": 60, "test": 60, "seed": 1}}, {}, {"mine.tsv": tsv(*LINES)},
        "prepare", ["60", "80 distinct"],
    ),
    "all pairs filtered away": (
        {}, {"prepare": {"max_words": 3}}, {"mine.tsv": tsv(*LINES)}, "prepare",
        ["asks for 10 source sentences", "0 distinct ones that prepare.max_words"],
    ),
    "a vocabulary larger than the text allows": (
        {}, {"tokenize": {"vocabulary_size": 5000}}, {"mine.tsv": tsv(*LINES)}, "tokenize",
        ["tokenize.vocabulary_size: 5000 is larger", "the largest possible is"],
    ),
    "a GPU that is not there": (
        {}, {"train": {"device": "cuda"}}, {"mine.tsv": tsv(*LINES)}, "check",
        ["train.device: cuda, but no NVIDIA driver is installed"],
    ),
}  # fmt: skip


def write_project(root: Path, entry: dict[str, Any], params: Params, files: Files) -> None:
    """A corpus of a user's own, its entry and its params."""
    for folder in ("catalogue", "local"):
        (root / "data" / folder).mkdir(parents=True)
    for name, content in files.items():
        (root / "data" / "local" / name).write_bytes(content)
    values = {key: value for key, value in (ENTRY | entry).items() if value is not None}
    yaml.dump(values, root / "data/catalogue/mine.yaml")
    sizes = {"download": {"corpus": "mine"}, "tokenize": {"vocabulary_size": 40}}
    write_params(root, "phrasebook-en-de", sizes)
    changed = yaml.load(root / "params.yaml")
    for section, changes in params.items():
        changed[section].update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            del changed[section][key]
    yaml.dump(changed, root / "params.yaml")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORPUS_MIRROR", raising=False)
    monkeypatch.setattr("attn2seq.sources.download.RETRIES", 0)


@pytest.mark.promise("mistakes")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_plain_answer_and_leaves_nothing(
    mistake: str, in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry, params, files, stage, answers = MISTAKES[mistake]
    if mistake == "a GPU that is not there" and torch.cuda.is_available():
        pytest.skip("this machine has one")
    root = in_tmp_path
    write_project(root, entry, params, files)
    with pytest.raises(SystemExit) as ended:
        run_stages(root)
    said = capsys.readouterr().err
    assert ended.value.code == 1, said
    assert f"{stage}: error: " in said
    answer = said.rpartition(f"{stage}: error: ")[2]
    for part in answers:
        assert part in answer
    assert "data/raw" not in answer  # a copy, which nobody should mend
    for later in STAGES[STAGES.index(stage) :]:
        assert not (root / OUTPUTS[later]).exists(), later
    assert not list(root.rglob("*.new")), "half-written output"


def refusal(stage: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a stage says that is run alone, and refuses to."""
    with pytest.raises(SystemExit):
        run_stage(stage, import_module(f"pipeline.{script_of(stage)}").main)
    return capsys.readouterr().err


@pytest.mark.promise("mistakes")
def test_the_remedies_that_stages_name_work(
    in_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pointer of Git LFS gives way to its file, of which first check and then code are told."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:33\nsize 10000\n"
    write_project(in_tmp_path, {}, {}, {"mine.tsv": pointer})
    with pytest.raises(SystemExit):
        run_stages(in_tmp_path, until="prepare")
    assert "`git lfs pull` in the repository that it comes from, and copy it again" in (
        capsys.readouterr().err
    )
    (in_tmp_path / "data/local/mine.tsv").write_bytes(tsv(*LINES))
    assert "where there is no DVC `python -m pipeline.check`" in refusal("download", capsys)
    for stage in ("check", "download"):
        run_stage(stage, import_module(f"pipeline.{script_of(stage)}").main)
    (in_tmp_path / "results/code/prepare.txt").write_text("other code\n")
    assert "where there is no DVC `python -m pipeline.code_digests`" in refusal("prepare", capsys)
    run_stages(in_tmp_path, until="prepare")
    assert len(pd.read_parquet(in_tmp_path / "data/prepared/train.parquet")) == len(LINES) - 20


@pytest.mark.promise("full disk")
@pytest.mark.parametrize(
    ("stage", "free_kilobytes"),
    # Training writes its curve before it writes a checkpoint.
    [
        ("prepare", 0), ("train", 40),
        *(
            pytest.param(stage, 0, marks=pytest.mark.long)
            for stage in STAGES if stage not in ("check", "prepare")
        ),
    ],
)  # fmt: skip
def test_a_full_disk_is_told_and_leaves_nothing(
    stage: str, free_kilobytes: int, built_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On a file system of four megabytes, filled before the stage starts."""
    root = built_project
    shutil.rmtree(root / OUTPUTS[stage])
    shutil.rmtree(root / ".cache" / "checkpoints")
    room = tmp_path_factory.mktemp("room")
    script = f"""
        mount -t tmpfs -o size=4m tmpfs {room} && cp -a {root}/. {room} && cd {room} || exit 77
        dd if=/dev/zero of=spare bs=1k count={free_kilobytes} 2>/dev/null
        dd if=/dev/zero of=filler bs=1k 2>/dev/null
        rm spare
        {sys.executable} -B -m pipeline.{script_of(stage)}; status=$?
        find {OUTPUTS[stage]} -type f 1>&2
        exit $status
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        env=os.environ | {"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (77, 126, 127) or "unshare" in done.stderr:
        pytest.skip(f"no file system of its own can be made here: {done.stderr.strip()}")
    assert done.returncode == 1, done.stderr
    assert f"{stage}: error: " in done.stderr
    assert "o space" in done.stderr
    assert "ree some space" in done.stderr
    assert "Traceback" not in done.stderr
    left = [line for line in done.stderr.splitlines() if line.startswith(OUTPUTS[stage])]
    assert left == []
