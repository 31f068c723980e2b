"""The wheel, installed where there is neither DVC nor MLflow nor this repository."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from table_model import decode_settings
from tiny_model import TEXTS

from attn2seq.api import load

ROOT = Path(__file__).parents[1]
SETTINGS = decode_settings(beam_size=4, nbest=2, min_length=1, max_length_offset=10)
PROGRAM = """
import importlib.util, json, sys
for name in ("dvc", "mlflow", "pipeline", "pytest"):
    assert importlib.util.find_spec(name) is None, name
import attn2seq
translator = attn2seq.load(sys.argv[1])
texts = json.loads(sys.argv[2])
told = [[(one.text, one.score) for one in each.hypotheses] for each in translator.translate(texts)]
refusals = []
for name in ("models:/toy@champion", "HEAD"):
    try:
        attn2seq.load(name)
    except attn2seq.UserError as error:
        refusals.append(str(error))
print(json.dumps([attn2seq.__file__, told, translator.score(["a cat"], ["two men"]), refusals]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what it is made of, so that nothing is left in the repository."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    caches = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", "pipeline", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(target)]
    subprocess.run([*pip, *options, str(source)], check=True, capture_output=True)
    [path] = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel and the packages that it asks for."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = place / "lib" / version / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Linked, for torch alone is some gigabytes.
    [metadata] = packages.glob("attn2seq-*.dist-info")
    for name in needed(Distribution.at(metadata)):
        for top in top_level(distribution(name)):
            if not (packages / top.name).exists():
                (packages / top.name).symlink_to(top)
    return place / "bin" / "python"


def needed(package: Distribution) -> set[str]:
    """The names of those that it asks for, directly or not, extras left out."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        for text in waiting.pop().requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if requirement.name not in found and (not marker or marker.evaluate({"extra": ""})):
                found.add(requirement.name)
                waiting.append(distribution(requirement.name))
    return found


def top_level(package: Distribution) -> set[Path]:
    """The folders and modules that it has put into site-packages."""
    site = Path(sysconfig.get_path("purelib"))
    names = {path.parts[0] for path in package.files or [] if path.parts[0] not in ("..", ".")}
    return {site / name for name in names if name != "__pycache__" and (site / name).exists()}


def test_the_wheel_holds_the_library_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"attn2seq"}
    assert {"attn2seq/__init__.pyi", "attn2seq/py.typed"} <= set(names)


def test_a_model_is_used_where_only_the_wheel_is(
    python: Path, complete_model: Callable[..., Path], tmp_path: Path
) -> None:
    here = complete_model(tmp_path / "model", SETTINGS)
    translator = load(here)
    expected = [
        [[one.text, one.score] for one in each.hypotheses] for each in translator.translate(TEXTS)
    ]
    scores = translator.score(["a cat"], ["two men"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(here, elsewhere / "its model")
    done = subprocess.run(
        [python, "-c", PROGRAM, "its model", json.dumps(TEXTS)],
        cwd=elsewhere, env=alone(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    place, told, scored, refusals = json.loads(done.stdout)
    assert Path(place).is_relative_to(python.parents[1])
    assert told == expected
    assert scored == scores
    assert "MLflow, which is not installed here: pip install 'attn2seq[pipeline]'" in refusals[0]
    assert "HEAD is neither a model folder nor a revision here" in refusals[1]


def test_so_does_the_command_line(
    python: Path, complete_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = complete_model(tmp_path / "model", SETTINGS)
    done = subprocess.run(
        [python, "-m", "attn2seq.cli.main", "translate", "--model", folder, *TEXTS],
        cwd=tmp_path, env=alone(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [each.text for each in load(folder).translate(TEXTS)]


def alone() -> dict[str, str]:
    """This environment less what would lead to the repository, with as many threads."""
    apart = ("PYTHON", "MLFLOW_", "DVC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
    return kept | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
