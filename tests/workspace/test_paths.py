"""Every path of the workspace stands in one file."""

import ast
from pathlib import Path

from attn2seq.workspace import paths

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "src/attn2seq/workspace", "src/attn2seq/runs", "src/attn2seq/cli")
DECLARED = {str(value) for value in vars(paths).values() if isinstance(value, Path)}


def strings_in(code: str) -> set[str]:
    """The strings that code works with: no docstrings, and of an f-string its fixed parts."""
    tree = ast.parse(code)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    }


def spells_a_path(text: str) -> bool:
    """Whether the string is a path of the workspace, or one inside."""
    return any(text == path or text.startswith(f"{path}/") for path in DECLARED)


def test_no_other_file_spells_a_path() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    spelt = {
        path.relative_to(ROOT).as_posix(): found
        for path in files
        if path != Path(paths.__file__)
        and (found := sorted(filter(spells_a_path, strings_in(path.read_text("utf-8")))))
    }
    assert spelt == {}


def test_one_that_is_spelt_would_be_found() -> None:
    code = '"""data/raw is fine here."""\nplace = Path("data/raw") / f"results/decode/{name}.txt"\n'
    assert set(filter(spells_a_path, strings_in(code))) == {"data/raw", "results/decode/"}


def test_paths_are_relative_to_the_workspace() -> None:
    assert not [path for path in DECLARED if Path(path).is_absolute()]
