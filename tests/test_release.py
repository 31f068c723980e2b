"""What a release is made of: archives that repeat byte for byte, and a lock that is up to date."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("lock.txt", "lock-cpu.txt")
LOCKED_EXTRAS = ("export", "hub", "languages", "pipeline", "serve", "speech")
PIN = re.compile(r"^([\w.-]+)==([\w.+!-]+)", re.MULTILINE)


def built(folder: Path, umask: int) -> dict[str, str]:
    """Name -> sha256 of the archives, from a copy of the sources whose files have new times."""
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=caches, copy_function=shutil.copyfile)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copyfile(ROOT / name, folder / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", "dist"],
        cwd=folder, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}, umask=umask,
        check=True, capture_output=True,
    )  # fmt: skip
    archives = (folder / "dist").iterdir()
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in archives}


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first = built(tmp_path / "first", umask=0o022)
    assert {name.rpartition(".")[2] for name in first} == {"whl", "gz"}
    assert built(tmp_path / "elsewhere" / "second", umask=0o077) == first


def test_the_changelog_describes_the_version() -> None:
    """Under a heading for what comes next stands the release, with its date."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    coming, latest = re.findall(r"^## (.*)$", text, re.MULTILINE)[:2]
    assert coming == "Unreleased"
    assert re.fullmatch(re.escape(PROJECT["version"]) + r" - \d{4}-\d{2}-\d{2}", latest)


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {canonicalize_name(package): version for package, version in PIN.findall(text)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_each_package(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(lock)) > 100
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("extra", ["", *LOCKED_EXTRAS])
def test_the_lock_has_what_the_project_asks_for(extra: str) -> None:
    asked = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    locked = pins("lock.txt")
    for requirement in map(Requirement, asked):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in lock.txt: `make lock`"
        assert requirement.specifier.contains(version), f"{requirement}: `make lock`"


def test_without_cuda_the_versions_are_the_same() -> None:
    cuda, cpu = map(pins, LOCKS)
    assert cpu.pop("torch") == cuda.pop("torch") + "+cpu"
    assert cpu.items() <= cuda.items()
    assert all(name.startswith(("cuda-", "nvidia-", "triton")) for name in cuda.keys() - cpu.keys())


def test_lock_and_constraints_name_the_same_versions() -> None:
    locked, constrained = pins("lock.txt"), pins("constraints.txt")
    both = locked.keys() & constrained.keys()
    assert len(both) > 100
    differ = {name for name in both if locked[name] != constrained[name]}
    assert differ == set(), "`make lock`"
