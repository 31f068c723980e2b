"""How much code one has to read: what the stages import, and what one sentence passes through.

    PYTHONPATH=src python -m benchmarks.closure [ROOT]

A small number of files on the way of a sentence is what makes the project easy to enter, so it is
counted by a command and not by hand. ROOT is the root of a checkout, by default this one: a
worktree of an older commit is counted in the same way, also one from before `src/attn2seq/`
held everything but the stage scripts.

- Closure of a stage: the project's files that its script imports, directly or not, wherever in a
  file the import is; imports for type checkers alone (`if TYPE_CHECKING`) are left out, and so are
  `__init__.py` files of a docstring or less.
- Path: the stages from download to evaluate run in this process, on a few pairs of the default
  corpus, with a small copy of the model of params.yaml, tracking off, in float32. Counted are the
  project's files in which a function ran while a stage's `main` ran, with all of their lines, and
  the lines of those functions alone. Code at the top level of a module and records without methods,
  which every import reads, do not count; nor do the locks and fingerprints around each `main`.
- Lines are those of the files, comments and blank lines included.
"""

import ast
import importlib
import inspect
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
CODE = ("src", "pipeline")
PATH_OF_A_SENTENCE = ("download", "prepare", "tokenize", "train", "decode", "evaluate")
CORPUS = "phrasebook-en-de"
PAIRS = {"train": 300, "dev": 20, "test": 20}
SMALL: dict[str, dict[str, Any]] = {
    "tokenize": {"vocabulary_size": 200},
    "model": {
        "embedding_size": 16, "encoder_hidden_size": 8, "decoder_hidden_size": 16,
        "attention_size": 8, "readout_size": 16,
    },
    "train": {
        "device": "cpu", "number_type": "float32", "threads": 1,
        "max_steps": 4, "evaluate_every_steps": 2,
    },
    "decode": {"device": "cpu", "threads": 1},
    "evaluate": {"bootstrap_samples": 100},
    "track": {"enabled": False},
}  # fmt: skip


def stage_modules(root: Path) -> dict[str, str]:
    """The stages in the order of dvc.yaml, each with the module that its command runs."""
    stages = YAML(typ="safe").load(root / "dvc.yaml")["stages"]
    found = {name: re.search(r"-m (pipeline\.\w+)", stage["cmd"]) for name, stage in stages.items()}
    return {name: match[1] for name, match in found.items() if match}


def closure(root: Path, module: str) -> set[Path]:
    """The project's files that importing a module reads."""
    seen: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if path := file_of(root, name):
            parents = {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
            waiting |= ({*_imported(ast.parse(path.read_bytes()))} | parents) - seen
    files = {path for name in seen if (path := file_of(root, name))}
    return {path for path in files if path.name != "__init__.py" or _holds_code(path)}


def file_of(root: Path, module: str) -> Path | None:
    """The file of one of the project's own modules."""
    for place in (root / "src", root):
        path = place.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def _imported(node: ast.AST) -> Iterator[str]:
    """All names that may be modules; what is imported from a module may be one, too."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.module is None or node.level:
            raise ValueError("relative imports are not followed")
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in _children(node):
        yield from _imported(child)


def _children(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return node.orelse
    return ast.iter_child_nodes(node)


def _holds_code(path: Path) -> bool:
    tree = ast.parse(path.read_bytes())
    return len(tree.body) > (ast.get_docstring(tree) is not None)


class Watch:
    """The functions that ran within the calls given to it, in any thread that began meanwhile."""

    def __init__(self) -> None:
        self.functions: set[CodeType] = set()

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            function(*arguments)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        # Bodies of modules and of classes are not optimised: that tells them from functions.
        if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            self.functions.add(frame.f_code)

    def lines(self, root: Path) -> dict[Path, set[int]]:
        """The project's files in which a function ran, and the numbers of its lines."""
        found: dict[Path, set[int]] = {}
        ends: dict[Path, dict[int, int]] = {}
        for code in self.functions:
            path = Path(code.co_filename).resolve()
            if not any(path.is_relative_to(root / folder) for folder in CODE):
                continue
            if path not in ends:
                ends[path] = _ends(path)
            first = code.co_firstlineno
            # A lambda or a comprehension has no statement of its own.
            last = ends[path].get(first) or max(line or 0 for *_, line in code.co_lines())
            found.setdefault(path, set()).update(range(first, last + 1))
        return found


def _ends(path: Path) -> dict[int, int]:
    """The last line of each function by its first, which is that of its decorators."""
    return {
        min(part.lineno for part in (node, *node.decorator_list)): node.end_lineno or node.lineno
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def path_of_a_sentence(root: Path) -> dict[Path, set[int]]:
    """The files that the default run passes through, with the lines of the functions that ran.

    `attn2seq` and `pipeline` are imported from `root`, once a process.
    """
    sys.path[:0] = [str(root / "src"), str(root)]
    scripts = {
        stage: importlib.import_module(module)
        for stage, module in stage_modules(root).items()
        if stage != "report"
    }
    watch, here = Watch(), Path.cwd()
    with TemporaryDirectory() as folder:
        _set_up(root, Path(folder))
        os.environ["DVC_ROOT"] = folder  # caches and locks lie there, too
        os.chdir(folder)
        try:
            for stage, script in scripts.items():
                main = script.main
                if stage in PATH_OF_A_SENTENCE:
                    main = _watched(watch, main)
                script.run_stage(stage, main)
        finally:
            os.chdir(here)
    return watch.lines(root)


def _watched(watch: Watch, main: Callable[..., None]) -> Callable[..., None]:
    return lambda *arguments: watch.call(main, *arguments)


def _set_up(root: Path, folder: Path) -> None:
    """The project in `folder`: its code, and its params and corpus in small."""
    for shared in (*CODE, "dvc.yaml"):
        (folder / shared).symlink_to(root / shared)
    for part in ("local", "ensemble"):
        (folder / "data" / part).mkdir(parents=True)
    shutil.copytree(root / "data" / "catalogue", folder / "data" / "catalogue")
    yaml = YAML(typ="safe")
    entry = folder / "data" / "catalogue" / f"{CORPUS}.yaml"
    values = yaml.load(entry)
    values["generator"].update(PAIRS)
    yaml.dump(values, entry)
    params = yaml.load(root / "params.yaml")
    assert params["download"]["corpus"] == CORPUS, "params.yaml is not that of the default run"
    for section, changes in SMALL.items():
        params[section].update(changes)
    yaml.dump(params, folder / "params.yaml")


def lines_of(files: Iterable[Path]) -> int:
    """Of all files together."""
    return sum(len(path.read_bytes().splitlines()) for path in files)


def table(root: Path) -> list[str]:
    """All counts, a row each."""
    closures = {stage: closure(root, module) for stage, module in stage_modules(root).items()}
    ran = path_of_a_sentence(root)
    rows = [(f"closure of {stage}", files) for stage, files in closures.items()]
    rows += [
        ("closure of all stages", set().union(*closures.values())),
        ("path of a sentence", set(ran)),
        *((f"all of {folder}/", {*(root / folder).rglob("*.py")}) for folder in CODE),
    ]
    lines = [f"{'':24}{'files':>8}{'lines':>8}"]
    lines += [f"{name:24}{len(files):8,}{lines_of(files):8,}" for name, files in rows]
    count = sum(map(len, ran.values()))
    return [*lines, f"{'functions of that path':24}{'':8}{count:8,}"]


def main() -> None:
    root = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT
    print("\n".join(table(root)))


if __name__ == "__main__":
    main()
