"""DVC's queue: new files that git must track first, and the command that shows what waits."""

import re
from pathlib import Path

import pytest
from finished_workspace import shell
from ruamel.yaml import YAML
from smallest_entry import ENTRY

from attn2seq.cli.main import main

pytestmark = [pytest.mark.promise("mistakes"), pytest.mark.slow]
# What an experiment changes, and what it reports of files that git does not track.
NEW_FILES = {
    "entry": (("download.corpus=untracked",), ("no corpus 'untracked' in data/catalogue",)),
    "files": (
        ("download.corpus=mine", "download.src_vectors=own.vec"),
        ("data/local/mine.tsv is missing", "no vectors 'own.vec'"),
    ),
}


def queue(root: Path, name: str, *changes: str) -> None:
    """Up to the stage that looks at params and files."""
    settings = " ".join(f"-S {change}" for change in changes)
    shell(root, f"dvc exp run --quiet --queue --name {name} {settings} check")


def run_queue(root: Path) -> dict[str, str]:
    """How each experiment of the queue ended, by name."""
    shell(root, "dvc exp run --quiet --run-all || true")
    listed = shell(root, "dvc queue status")
    return dict(re.findall(r"^\w{7}\s+(\S+)\s.*?(Success|Failed|Queued|Running)", listed, re.M))


@pytest.mark.long
def test_git_add_lets_a_queued_experiment_see_new_files(finished_workspace: Path) -> None:
    root = finished_workspace
    yaml = YAML(typ="safe")
    yaml.dump(ENTRY, root / "data/catalogue/mine.yaml")
    shell(root, "git add data/catalogue/mine.yaml && git commit --quiet --message Entry")
    yaml.dump(ENTRY | {"name": "untracked"}, root / "data/catalogue/untracked.yaml")
    (root / "data/local/mine.tsv").write_text((root / "mine.tsv").read_text("utf-8"), "utf-8")
    (root / "data/local/own.vec").write_text("1 2\na 1 2\n", encoding="utf-8")
    for name, (changes, _) in NEW_FILES.items():
        queue(root, name, *changes)
    assert run_queue(root) == dict.fromkeys(NEW_FILES, "Failed")
    for name, (_, told) in NEW_FILES.items():
        said = " ".join(shell(root, f"dvc queue logs {name}").split())
        assert all(part in said for part in told), said
        assert said.count("once git tracks it (`git add`)") == len(told)
    shell(root, "git add data && dvc queue remove --quiet --failed")
    for name, (changes, _) in NEW_FILES.items():
        queue(root, name, *changes)
    assert run_queue(root) == dict.fromkeys(NEW_FILES, "Success")


def test_dvc_queue_status_shows_what_waits(
    finished_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, size in (("narrow", 1), ("wide", 3)):
        queue(finished_workspace, name, f"decode.beam_size={size}")
    assert main(["experiments"]) == 0
    assert "2 more in DVC's queue: `dvc queue status` shows them" in capsys.readouterr().out
    listed = shell(finished_workspace, "dvc queue status")
    assert sorted(re.findall(r"(narrow|wide)\s.*Queued", listed)) == ["narrow", "wide"]
