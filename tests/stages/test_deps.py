"""A stage's code deps in dvc.yaml are exactly what it imports: DVC sees no imports by itself."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# Shows a run and cannot change an output, so editing it must not make results stale.
EXEMPT = {"src/attn2seq/runs/beside.py"}


def module_path(name: str) -> Path | None:
    """The file of one of the project's own modules."""
    for root in (ROOT / "src", ROOT):
        path = root.joinpath(*name.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def imported(file: Path) -> set[Path]:
    """The project's files that a file names in its imports, wherever they stand in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {path for name in names if (path := module_path(name))}
    return {path for path in found if path.name != "__init__.py"}


def closure(script: Path) -> set[str]:
    """All files of the project that running a script loads."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file not in seen and file.relative_to(ROOT).as_posix() not in EXEMPT:
            seen.add(file)
            waiting += imported(file)
    return {file.relative_to(ROOT).as_posix() for file in seen}


def expected_deps(script: Path) -> set[str]:
    """A room as a folder; as its settings file where no more of it is used."""
    files = closure(script)
    rooms = {file.rsplit("/", 1)[0] for file in files if file.count("/") == 3}
    whole = {room for room in rooms if files & {*_files_of(room)} - {f"{room}/settings.py"}}
    return whole | {file for file in files if file.rsplit("/", 1)[0] not in whole}


def _files_of(room: str) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in (ROOT / room).glob("*.py")]


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_import_closure(name: str) -> None:
    module = STAGES[name]["cmd"].split("-m ")[1]
    script = module_path(module)
    assert script is not None
    stated = {path for path in STAGES[name]["deps"] if path.startswith(("src/", "pipeline/"))}
    assert stated == expected_deps(script)


def test_editing_the_decoder_never_marks_training_as_changed() -> None:
    assert not [path for path in STAGES["train"]["deps"] if "decoding" in path]
    assert not [path for path in STAGES["decode"]["deps"] if "training" in path]


@pytest.mark.parametrize("name", STAGES)
def test_one_name_for_one_thing(name: str) -> None:
    """Stage, script, params section and results folder share a name, tokenize's script apart."""
    module = STAGES[name]["cmd"].split("-m pipeline.")[1]
    assert module == ("tokenize_corpus" if name == "tokenize" else name)
    assert STAGES[name]["cmd"].startswith("PYTHONPATH=src python -m ")
