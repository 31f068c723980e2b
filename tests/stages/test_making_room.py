"""`make gc` in a repository with results that nothing names any more."""

import pytest
from tiny_repository import Repository

# The first test of a session waits for two builds.
pytestmark = pytest.mark.slow


def test_gc_frees_what_nothing_names_and_no_more(built: Repository) -> None:
    for beam in (3, 4):  # not committed, so that the first of the two is nobody's soon
        built.set_params({"decode.beam_size": beam})
        built.dvc("repro", "decode")
    files = sorted((built.root / ".dvc/cache/files").rglob("*"))
    listed = built.run("python", "-m", "attn2seq.cli.main", "gc")
    assert "DVC's cache: unreferenced files" in listed
    assert "make gc YES=1" in listed
    assert sorted((built.root / ".dvc/cache/files").rglob("*")) == files
    assert "removed: 0." in built.run("python", "-m", "attn2seq.cli.main", "gc", "--yes")
    assert len(sorted((built.root / ".dvc/cache/files").rglob("*"))) < len(files)
    assert not list((built.root / ".cache/checkpoints").glob("*/finished"))
    again = built.run("python", "-m", "attn2seq.cli.main", "gc", "--yes")
    assert "removed" not in again
    # Both what the workspace holds and what the commit names are still there.
    assert "up to date" in built.dvc("status", "decode")
    built.run("git", "checkout", "--quiet", "HEAD", "--", "params.yaml", "dvc.lock", "results")
    built.dvc("checkout")
    assert "up to date" in built.dvc("status", "decode")
