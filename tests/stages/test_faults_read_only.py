"""Caches that cannot be written: told in plain words, what is there still serves, nothing breaks.

As root no mode keeps a file from being written. So each command runs where the folder is mounted
read-only, in a name space of its own.
"""

import hashlib
import shutil
import sys
from pathlib import Path

import pytest
from finished_steps import Brief, Twins, stages_run
from ruamel.yaml import YAML
from tiny_repository import Repository, copy_repository

OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")


def run_with_read_only(
    repository: Repository, folders: list[str], *command: str, status: int = 0
) -> str:
    """What the command prints where these folders of the repository are read-only."""
    mounts = "".join(
        f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} || exit 77\n"
        for folder in folders
    )
    with repository.start(
        *OWN_MOUNTS, "sh", "-c", f'{mounts} exec "$@"', "sh", *command
    ) as process:
        said, _ = process.communicate()
    if process.returncode in (77, 126, 127) or "unshare:" in said:
        pytest.skip(f"no mounts of its own can be made here: {said.strip()}")
    assert process.returncode == status, said
    assert "Traceback" not in said, said
    return said


@pytest.mark.promise("read-only")
def test_a_read_only_cache_of_the_project_is_told_before_any_work(unbuilt: Repository) -> None:
    (unbuilt.root / ".cache").mkdir()
    said = run_with_read_only(unbuilt, [".cache"], "python", "-m", "dvc", "repro", status=255)
    (first,) = stages_run(said)
    assert f"{first}: error: " in said
    assert f"{unbuilt.root / '.cache'} cannot be written (Read-only file system)" in said
    assert "make it writable, and run again" in said
    assert not (unbuilt.root / "dvc.lock").exists()
    assert "check" in stages_run(unbuilt.dvc("repro", "check"))


@pytest.mark.promise("read-only")
@pytest.mark.long
def test_a_read_only_cache_of_dvc(brief: Brief, unbuilt: Repository) -> None:
    """DVC itself ends there; what it has recorded by then is right, and the next run goes on."""
    unbuilt.dvc("repro", "check")
    cache = [".dvc/cache"]
    said = run_with_read_only(unbuilt, cache, "python", "-m", "dvc", "repro", status=255)
    assert stages_run(said) == ["download"]
    assert "ead-only file system" in said
    lock = YAML(typ="safe").load(unbuilt.root / "dvc.lock")
    assert "check" in lock["stages"]
    assert "download" not in lock["stages"]
    unbuilt.dvc("repro")
    assert unbuilt.digests() == brief.digests


@pytest.mark.promise("read-only")
@pytest.mark.slow
def test_what_read_only_caches_hold_still_serves(twins: Twins, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "built")
    copy_repository(twins.pristine.root, repository.root, caches=True)
    both = [".cache", ".dvc/cache"]
    said = run_with_read_only(repository, both, "python", "-m", "dvc", "repro")
    assert stages_run(said) == []
    shutil.rmtree(repository.root / "models/trained")
    run_with_read_only(repository, both, "python", "-m", "dvc", "checkout")
    run_with_read_only(repository, both, "python", "-m", "attn2seq.runs.show")
    assert "up to date" in repository.dvc("repro")


FETCH = """
import sys
from pathlib import Path
from attn2seq.sources.fetch import fetch
try:
    print(fetch(sys.argv[1], sys.argv[2], Path("downloads"), 3, print))
except OSError as error:
    print(f"error: {error}")
"""


@pytest.mark.promise("read-only")
def test_a_read_only_folder_of_downloads(tmp_path: Path) -> None:
    content = b"a\tb\n"
    sha256 = hashlib.sha256(content).hexdigest()
    place = Repository(tmp_path)
    (tmp_path / "downloads").mkdir()
    command = (sys.executable, "-c", FETCH, "https://127.0.0.1:9/mine.tsv", sha256)
    said = run_with_read_only(place, ["downloads"], *command)
    assert "error: " in said
    assert "Read-only file system" in said
    (tmp_path / "downloads" / sha256).write_bytes(content)
    said = run_with_read_only(place, ["downloads"], *command)
    assert said == f"{tmp_path / 'downloads' / sha256}\n"
