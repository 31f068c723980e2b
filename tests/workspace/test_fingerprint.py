"""The project's own digests are DVC's, so that commits and workspaces give the same names."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tracked_workspace import run_stages, write_lock, write_workspace

from attn2seq.workspace.fingerprint import (
    Inputs,
    inputs_of_lock,
    md5_of,
    outs_of_lock,
    outs_of_workspace,
    run_fingerprint,
)

ROOT = Path(__file__).parents[2]
OUTS = {
    "train": {"models/trained": "21.dir", "results/train/history.csv": "22"},
    "decode": {"results/decode": "23.dir"},
    "evaluate": {"results/evaluate/metrics.json": "24"},
}
INPUTS = Inputs({"train": {"learning_rate": 0.001}}, {"src/a.py": "0cc1"}, "12.dir")


def test_a_folder_has_the_md5_that_dvc_gives_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name, text in {"b.txt": "two", "a/c.txt": "three", "a.txt": "é", "a-b/x": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "__pycache__").mkdir()
    for name in ("__pycache__/left.pyc", ".a.txt.swp", "a/c.txt~", "#b.txt#", ".DS_Store"):
        (folder / name).write_text("out")
    (folder / ".#b.txt").symlink_to("user@host.1234")  # the lock of an editor, a link to nowhere
    (tmp_path / ".dvcignore").write_bytes((ROOT / ".dvcignore").read_bytes())

    def dvc(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", *arguments, "-q"], cwd=tmp_path, check=True)

    dvc("init", "--no-scm")
    dvc("add", "folder")
    out = YAML(typ="safe").load((tmp_path / "folder.dvc").read_text())["outs"][0]
    assert md5_of(folder) == out["md5"]


def test_each_input_counts_and_order_does_not() -> None:
    name = run_fingerprint(INPUTS, OUTS)
    assert len(name) == 16
    assert name == run_fingerprint(replace(INPUTS, params=dict(INPUTS.params)), OUTS)
    others = [
        replace(INPUTS, params={"train": {"learning_rate": 0.002}}),
        replace(INPUTS, code={"src/a.py": "0cc2"}),
        replace(INPUTS, raw_md5="13.dir"),
    ]
    assert len({name, *(run_fingerprint(other, OUTS) for other in others)}) == 4


def test_what_came_out_counts_too() -> None:
    """The same inputs give other bytes on another kind of processor."""
    name = run_fingerprint(INPUTS, OUTS)
    for stage, path in (("train", "models/trained"), ("decode", "results/decode"),
                        ("evaluate", "results/evaluate/metrics.json")):  # fmt: skip
        other = OUTS | {stage: OUTS[stage] | {path: "99"}}
        assert run_fingerprint(INPUTS, other) != name
    # What the scores follow from may be written in other bytes by another version of a package.
    table = {"results/evaluate/sentences.parquet": "99"}
    assert run_fingerprint(INPUTS, OUTS | {"evaluate": OUTS["evaluate"] | table}) == name


def test_a_workspace_and_its_lock_have_the_same_outs(tmp_path: Path) -> None:
    write_workspace(tmp_path)
    run_stages(tmp_path)
    write_lock(tmp_path)
    lock = YAML(typ="safe").load(tmp_path / "dvc.lock")
    for stage in lock["stages"]:
        assert outs_of_workspace(tmp_path, stage) == outs_of_lock(lock, stage) != {}


def test_a_lock_without_a_stage_has_no_inputs() -> None:
    with pytest.raises(KeyError):
        inputs_of_lock({"stages": {}})
