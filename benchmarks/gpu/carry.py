"""What a bare GPU machine lacks, in one folder: packages as wheels, and two corpora, tokenized.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.gpu.carry

It needs the project's environment and a package index. The wheels are those that the stages import
and that PRESENT does not bring, for Python 3.12 on Linux. The folder is ignored by git.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import grimp
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.gpu import CARRIED
from benchmarks.gpu.workspace import CORPORA, DATA, PARAMS
from benchmarks.machine import ROOT
from benchmarks.tables.runs import tokenized

# What the machine has besides torch: too large to be carried, or usual beside it.
PRESENT = (
    "filelock", "jinja2", "numpy", "pandas", "pyarrow", "pytest", "pytest-timeout", "pytest-xdist",
    "regex", "sacrebleu", "safetensors", "sentencepiece", "torch", "tqdm", "typer",
)  # fmt: skip
STAGES = ("code_digests", "check", "train", "decode", "evaluate")
PYTHON = "3.12"
LINUX = {
    "python_version": PYTHON, "python_full_version": "3.12.0", "sys_platform": "linux",
    "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix",
    "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": "",
}  # fmt: skip
MOST_BYTES = 64 * 2**20


def main() -> None:
    wheels = CARRIED / "wheels"
    shutil.rmtree(CARRIED, ignore_errors=True)
    wheels.mkdir(parents=True)
    names = missing()
    download(names, wheels)
    for name, run in CORPORA.items():
        place = tokenized(run)
        for part in (*DATA, PARAMS):
            copy = shutil.copytree if (place / part).is_dir() else shutil.copyfile
            (CARRIED / name / part).parent.mkdir(parents=True, exist_ok=True)
            copy(place / part, CARRIED / name / part)
    total = sum(path.stat().st_size for path in CARRIED.rglob("*") if path.is_file())
    print(f"wheels: {', '.join(path.name for path in sorted(wheels.iterdir()))}")
    print(f"carry {CARRIED.relative_to(ROOT)} ({total / 2**20:.1f} MiB)")
    if total > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES / 2**20:.0f} MiB: add packages to PRESENT")


def missing() -> list[str]:
    """The distributions to carry."""
    graph = grimp.build_graph("attn2seq", "pipeline", include_external_packages=True)
    imported = {
        module.partition(".")[0]
        for stage in STAGES
        for module in graph.find_upstream_modules(f"pipeline.{stage}")
    }
    own = {
        canonicalize_name(Requirement(line).name)
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "dependencies"
        ]
    }
    distributions = packages_distributions()
    wanted = {
        canonicalize_name(found) for name in imported for found in distributions.get(name, ())
    }
    # What only the orchestration needs (mlflow) is imported in places that are never reached.
    return sorted(closure(wanted & own))


def closure(names: Iterable[str]) -> set[str]:
    """The distributions and all that they require, but for what is present."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found or name in PRESENT:
            continue
        found.add(name)
        for line in requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(LINUX):
                waiting.append(requirement.name)
    return found


def download(names: Iterable[str], folder: Path) -> None:
    """Wheels of the versions that this environment has, made here where there is only source."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 24, 17, 12, 5)]
    platforms += ["manylinux2014_x86_64", "manylinux1_x86_64"]
    pip = [sys.executable, "-m", "pip"]
    options = ["--quiet", "--no-deps"]
    for name in names:
        exact = f"{name}=={version(name)}"
        wheel = [
            "--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON,
            *(word for platform in platforms for word in ("--platform", platform)),
        ]  # fmt: skip
        asked = [*pip, "download", *options, *wheel, "--dest", str(folder), exact]
        if subprocess.run(asked, capture_output=True).returncode:
            made = [*pip, "wheel", *options, "--wheel-dir", str(folder), exact]
            subprocess.run(made, check=True)


if __name__ == "__main__":
    main()
