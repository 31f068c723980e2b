"""What counts of a module, and what does not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attn2seq.workspace.syntax_digest import parse

ROOT = Path(__file__).parents[2]
SOURCE = '''
"""What it is for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heavy import Thing

LIMIT: int = 3


@dataclass
class Loaf:
    """Bread."""

    grams: int = 500


def bake(loaf: Loaf, hot: bool = True) -> "Thing":
    """Bake it."""
    minutes: int = 40  # at least
    if loaf.grams > 1000:
        raise ValueError(f"{loaf.grams} g is too much")
    say("in the oven")
    return minutes
'''


def digest(*edit: str) -> str:
    """That of the source, with a text replaced by another."""
    if edit:
        assert SOURCE.count(edit[0]) == 1
    return parse(SOURCE.replace(*edit).encode() if edit else SOURCE.encode()).digest


@pytest.mark.parametrize(
    "edit",
    [
        ("  # at least", ""),
        ("What it is for.", "What it does."),
        ('    """Bread."""\n\n', ""),
        ('    """Bake it."""', '    """Bake."""'),
        ("minutes: int = 40", "minutes=40"),
        ("LIMIT: int", "LIMIT: float"),
        ('-> "Thing"', "-> int"),
        ("loaf: Loaf, hot", "loaf, hot"),
        ("from heavy import Thing", "from light import Thing"),
        ('f"{loaf.grams} g is too much"', 'f"a loaf of {loaf.grams:,} g: too heavy"'),
        ('"in the oven"', '"baking"'),
    ],
)
def test_what_changes_no_result_does_not_count(edit: tuple[str, str]) -> None:
    assert digest(*edit) == digest()


@pytest.mark.parametrize(
    "edit",
    [
        ("minutes: int = 40", "minutes: int = 41"),
        ("LIMIT: int = 3", "LIMIT: int = 4"),
        ("grams: int = 500", "grams: float = 500"),  # a settings field is validated by it
        ("> 1000", ">= 1000"),
        ("ValueError", "TypeError"),
        ("hot: bool = True", "hot: bool = False"),
        ('say("in the oven")', 'shout("in the oven")'),
        ("return minutes", "return 'minutes'"),
        ("import dataclass", "import dataclass, field"),
    ],
)
def test_what_may_change_a_result_counts(edit: tuple[str, str]) -> None:
    assert digest(*edit) != digest()


def test_imports_are_found_wherever_they_stand() -> None:
    source = (
        "import a.b\ndef f():\n    from c import d\n    import e\nif TYPE_CHECKING:\n    import g\n"
    )
    assert parse(source.encode()).imports == ("a.b", "c", "c.d", "e")


@pytest.mark.parametrize("python", ["python3.12", "python3.13", "python3.14"])
def test_another_python_gives_the_same_digests(python: str) -> None:
    """Else `dvc repro` would run every stage again after an upgrade."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import syntax_digest\n"
        "for path in sys.argv[2:]: print(syntax_digest.parse(open(path, 'rb').read()).digest)"
    )
    paths = [str(path) for path in sorted((ROOT / "src").rglob("*.py"))]
    folder = str(ROOT / "src/attn2seq/workspace")
    found = shutil.which(python)
    if found is None or subprocess.run([found, "-c", ""], check=False).returncode:
        pytest.skip(f"{python} is not installed")
    one, other = (
        subprocess.run(
            [executable, "-c", program, folder, *paths], capture_output=True, text=True, check=True
        ).stdout
        for executable in (sys.executable, found)
    )
    assert len(one.split()) == len(paths)
    assert one == other
