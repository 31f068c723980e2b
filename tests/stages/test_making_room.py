"""`make gc` in a repository with results that nothing names any more."""

import shutil

import pytest
from tiny_repository import Repository

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow


def test_gc_frees_what_nothing_names_and_no_more(built: Repository) -> None:
    # Not committed, and given up: what nothing names any more.
    built.set_params({"decode.beam_size": 3})
    built.dvc("repro", "decode")
    built.run("git", "checkout", "--quiet", "HEAD", "--", "params.yaml", "dvc.lock", "results")
    built.dvc("checkout")
    files = sorted((built.root / ".dvc/cache/files").rglob("*"))
    listed = built.run("python", "-m", "attn2seq.cli.main", "gc")
    assert "DVC's cache: unreferenced files" in listed
    assert "make gc YES=1" in listed
    assert sorted((built.root / ".dvc/cache/files").rglob("*")) == files
    assert "removed: 0." in built.run("python", "-m", "attn2seq.cli.main", "gc", "--yes")
    assert len(sorted((built.root / ".dvc/cache/files").rglob("*"))) < len(files)
    assert not list((built.root / ".cache/checkpoints").glob("*/finished"))
    # What the workspace holds and the commit names is still there.
    shutil.rmtree(built.root / "results/decode")
    built.dvc("checkout")
    assert "up to date" in built.dvc("status", "decode")
