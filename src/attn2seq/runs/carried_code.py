"""The part of this package that a logged model carries with it: what served_model.py imports."""

import ast
import shutil
from pathlib import Path

ENTRIES = ("runs/served_model.py", "pyfunc.py")  # now, and in old commits


def carried_files(package: Path) -> list[Path]:
    """served_model.py of the package and all of the package that it imports, directly or not.

    Found by reading, since the package may be that of another commit than this one.
    """
    seen: set[Path] = set()
    waiting = [entry_of(package)]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += _imported(file, package)
    rooms = {folder for file in seen for folder in file.parents if folder.is_relative_to(package)}
    return sorted(seen | {room / "__init__.py" for room in rooms})


def entry_of(package: Path) -> Path:
    """What MLflow starts from."""
    return next(package / path for path in ENTRIES if (package / path).exists())


def copy_carried(package: Path, folder: Path) -> Path:
    """Copy them into `folder`, under the package's name; the copy of the package."""
    for file in carried_files(package):
        target = folder / package.name / file.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return folder / package.name


def _imported(file: Path, package: Path) -> list[Path]:
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    own = [name.split(".")[1:] for name in names if name.split(".")[0] == package.name]
    files = [package.joinpath(*parts).with_suffix(".py") for parts in own if parts]
    return [path for path in files if path.is_file()]
