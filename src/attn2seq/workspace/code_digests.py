"""What code a stage runs: a digest for each module that its script imports, directly or not.

DVC does not see imports. The stage `code` writes these digests to `results/code/<stage>.txt`, and
each stage depends on its own file, so an edit makes stale just the stages that run what was edited.
What counts of a module is said in syntax_digest.py.
"""

import hashlib
import runpy
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.workspace.paths import CATALOGUE, DVC_YAML, NOTES
from attn2seq.workspace.syntax_digest import Module, parse

# Where modules lie, and which packages are the project's own.
SOURCES = ("src", ".")
PACKAGES = ("attn2seq", "pipeline")
# What can change no output, with the reason; neither these nor what they import count.
APART = {
    "attn2seq": "the door of the library: it imports something only when asked to",
    "attn2seq.api": "finds a model's folder for the stage download; its files are data",
    "attn2seq.errors": "kinds of errors: one that is raised leaves no output",
    "attn2seq.runs.": "shows in MLflow what the stages wrote",
    "attn2seq.workspace.code_digests": "names results and makes none",
    "attn2seq.workspace.fingerprint": "names results and makes none",
    "attn2seq.workspace.lock": "keeps a second stage from starting",
    "attn2seq.workspace.timings": "notes times beside the results",
    "attn2seq.workspace.stop_requests": "says when to stop; what resumes ends in the same bytes",
}
# Of its constants only those count that the stage imports, by their values.
PATHS = "attn2seq.workspace.paths"
# Counts only where the corpus is one that it makes.
GENERATOR = "attn2seq.phrasebook"
# Caches, half-written outputs, what editors and desktops leave beside a file: as in .dvcignore.
LEFT_BEHIND = ("__pycache__", "*.new", ".*.sw?", ".#*", "*~", "#*#", ".DS_Store")
# What identifies a file as it was saved -> the module in it.
_MODULES: dict[tuple[int, ...], Module] = {}


def stage_digests(root: Path, stage: str, corpus_is_generated: bool) -> dict[str, str]:
    """Module or data file -> digest, of all that the stage runs, as it stands under `root` now.

    A data file is any file of a package's folder that is no module. Raises UserError for a script
    that is missing or a module that Python cannot read.
    """
    digests: dict[str, str] = {}
    files = stage_files(root, stage, corpus_is_generated)
    for name, path in files.items():
        if name == PATHS:
            digests |= _constants(path, files.values())
        elif path.suffix == ".py":
            digests[name] = _module(path).digest
        else:
            digests[name] = _sha256(path.read_bytes())
    return digests


def stage_files(root: Path, stage: str, corpus_is_generated: bool) -> dict[str, Path]:
    """Module or data file -> its path, of all that the stage runs."""
    apart = APART if corpus_is_generated else APART | {f"{GENERATOR}.": "makes no corpus here"}
    files: dict[str, Path] = {}
    waiting = [script_of(root, stage)]
    while waiting:
        name = waiting.pop()
        if name in files or _is_apart(name, apart):
            continue
        path = module_file(root, name)
        if path is None:
            continue  # a name within a module, or another package
        files[name] = path
        waiting += _module(path).imports
        waiting += [name.rpartition(".")[0]] if "." in name else []
    packages = {path.parent for name, path in files.items() if path.name != "__init__.py"}
    data = (file for package in packages for file in _data_files(package))
    return dict(sorted((files | {_relative(file, root): file for file in data}).items()))


def _constants(paths: Path, files: Iterable[Path]) -> dict[str, str]:
    """Name -> digest of the value, of the constants of PATHS that one of the modules imports.

    A module that imports PATHS as a whole may use any.
    """
    values = {name: value for name, value in runpy.run_path(str(paths)).items() if name.isupper()}
    wanted: set[str] = set()
    for path in files:
        imports = _module(path).imports if path.suffix == ".py" and path != paths else ()
        if PATHS in imports:
            named = {name.removeprefix(f"{PATHS}.") for name in imports}
            wanted |= named & values.keys() or values.keys()
    return {f"{PATHS}.{name}": _sha256(str(values[name]).encode()) for name in wanted}


def text_of(digests: Mapping[str, str]) -> str:
    """The contents of `results/code/<stage>.txt`: a line for each module or data file."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def code_digest(root: Path, stages: Iterable[str], corpus_is_generated: bool) -> str:
    """Eight hexadecimal digits that name the code of several stages together."""
    return _name(text_of(stage_digests(root, stage, corpus_is_generated)) for stage in stages)


def noted_digest(root: Path, stages: Iterable[str]) -> str:
    """The same for the code that the stage `code` has noted. Raises OSError without notes."""
    return _name((root / NOTES / f"{stage}.txt").read_text(encoding="utf-8") for stage in stages)


def _name(texts: Iterable[str]) -> str:
    return _sha256("\0".join(texts).encode())[:8]


def refuse_other_code(root: Path, stage: str, digests: Mapping[str, str]) -> None:
    """Raises UserError where the notes of the stage `code` are not of this code: DVC would record
    the result under theirs.
    """
    notes = root / NOTES / f"{stage}.txt"
    if notes.is_file() and notes.read_text(encoding="utf-8") == text_of(digests):
        return
    state = "older than the code" if notes.is_file() else "missing"
    raise UserError(
        f"{NOTES / notes.name} is {state}, and the result would be recorded under it: run `dvc "
        "repro`, which writes it first, or where there is no DVC `python -m pipeline.code_digests`"
    )


def is_generated(root: Path, params: Mapping[str, Any]) -> bool:
    """Whether the corpus that params name is made by the project's own generator.

    Where its entry cannot be read the answer is yes: then all code counts.
    """
    section = params.get("download")
    corpus = section.get("corpus") if isinstance(section, Mapping) else None
    try:
        entry = _read_once(root / CATALOGUE / f"{corpus}.yaml")
    except (UserError, OSError):
        return True
    return "generator" in entry


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name is neither code nor data."""
    return any(fnmatchcase(name, pattern) for pattern in LEFT_BEHIND)


def script_of(root: Path, stage: str) -> str:
    """The module that dvc.yaml runs for the stage."""
    command = str(stages_of(root)[stage]["cmd"])
    return command.partition("-m ")[2].split()[0]


def stages_of(root: Path) -> Mapping[str, Any]:
    """The stages that dvc.yaml describes now, by their names. Raises UserError."""
    stages: Mapping[str, Any] = _read_once(root / DVC_YAML)["stages"]
    return stages


def _read_once(path: Path) -> Mapping[str, Any]:
    """What read_yaml gives, not to be changed: a stage asks for dvc.yaml six times, and to parse it
    each time took half of what a short stage takes.
    """
    return _parsed(path, path.read_bytes() if path.is_file() else b"")


@lru_cache(maxsize=8)
def _parsed(path: Path, _content: bytes) -> Mapping[str, Any]:
    return read_yaml(path)


def module_file(root: Path, name: str) -> Path | None:
    """The file of one of the project's own modules."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    for source in SOURCES:
        path = root.joinpath(source, *name.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def _is_apart(name: str, apart: Mapping[str, str]) -> bool:
    return name in apart or any(
        entry.endswith(".") and f"{name}.".startswith(entry) for entry in apart
    )


def _data_files(package: Path) -> Iterator[Path]:
    """The files of a package, and of its folders that are no packages."""
    for path in sorted(package.iterdir()):
        if is_left_behind(path.name) or path.name == "py.typed":
            continue
        if path.is_dir() and not (path / "__init__.py").exists():
            yield from _data_files(path)
        elif path.is_file() and path.suffix != ".py":
            yield path


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix().removeprefix("src/")


def _module(path: Path) -> Module:
    """A module, parsed once for each time that it is saved, whatever links lead to it."""
    found = path.stat()
    key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    if key not in _MODULES:
        _MODULES[key] = _parsed_module(path)
    return _MODULES[key]


def _parsed_module(path: Path) -> Module:
    try:
        return parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path} is not valid Python: {error}") from None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
