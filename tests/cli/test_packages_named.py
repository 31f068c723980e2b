"""Every `pip install` that a message of the code names installs what the message says is missing.

Nothing is installed: that needs a network.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from attn2seq.cli import doctor, fast_server
from attn2seq.export import folder
from attn2seq.workspace import recording_faults

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INSTALL = re.compile(r"pip install '?([\w-]+)(?:\[(\w+)\])?")
# Of messages that are filled in with what is missing: all that it can be.
SPEECH = {canonicalize_name(name) for name in recording_faults.PACKAGES}
FILLED_IN = {
    ("src/attn2seq/export/folder.py", "attn2seq[export]"): set(folder.PACKAGES),
    ("src/attn2seq/cli/doctor.py", "attn2seq"): set(doctor.STAGES),
    ("src/attn2seq/cli/fast_server.py", "attn2seq[serve]"): {
        canonicalize_name(name) for name in fast_server.PACKAGES
    },
    ("src/attn2seq/features/audio.py", "attn2seq[speech]"): SPEECH,
    ("src/attn2seq/workspace/recording_faults.py", "attn2seq[speech]"): SPEECH,
}


class Message(NamedTuple):
    """The texts of one statement, and what could not be imported where it stands."""

    text: str
    tried: frozenset[str]


def packages(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


EXTRAS = {name: packages(texts) for name, texts in PROJECT["optional-dependencies"].items()}
KNOWN = packages(PROJECT["dependencies"]).union(*EXTRAS.values()) - {"attn2seq"}


def messages(node: ast.AST, tried: frozenset[str] = frozenset()) -> Iterator[Message]:
    """Those that name a `pip install`, in the order of the code."""
    if isinstance(node, ast.stmt) and not hasattr(node, "body"):
        parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
        text = " ".join(part for part in parts if isinstance(part, str))
        if INSTALL.search(text):
            yield Message(text, tried)
        return
    for child in ast.iter_child_nodes(node):
        handles = isinstance(node, ast.Try) and isinstance(child, ast.ExceptHandler)
        yield from messages(child, imported(node) if handles else tried)


def imported(node: ast.Try) -> frozenset[str]:
    """The packages that the statement tries to import."""
    names = [
        name
        for part in node.body
        for name in (
            [alias.name for alias in part.names] if isinstance(part, ast.Import)
            else [part.module or ""] if isinstance(part, ast.ImportFrom)
            else []
        )
    ]  # fmt: skip
    return frozenset(name.partition(".")[0] for name in names)


def fault(message: Message, where: str = "") -> str | None:
    """What speaks against the command that the message names, if anything."""
    found = INSTALL.search(message.text)
    assert found
    package, extra = found.groups()
    command = f"{package}[{extra}]" if extra else package
    if extra is not None and (package != "attn2seq" or extra not in EXTRAS):
        return f"there is no {command}"
    words = re.findall(r"[\w-]+", message.text.replace(found[0], "").lower())
    missing = KNOWN.intersection(words) or message.tried or FILLED_IN.get((where, command))
    if not missing:
        return f"it does not say what {command} is needed for: name it there, or in FILLED_IN"
    if package == "attn2seq":
        brought = packages(PROJECT["dependencies"]) | (EXTRAS[extra] if extra else set())
    else:
        brought = {package}
    return f"{command} does not bring {missing - brought}" if missing - brought else None


def test_each_package_that_is_missing_is_installed_by_what_the_message_names() -> None:
    found = [
        (str(path.relative_to(ROOT)), message)
        for source in ("src", "pipeline")
        for path in sorted((ROOT / source).rglob("*.py"))
        for message in messages(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert len(found) >= 9
    faults = [f"{where}: {message.text}: {told}" for where, message in found
              if (told := fault(message, where))]  # fmt: skip
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "code",
    [
        "raise UserError(f\"MLflow is not there ({error}): pip install 'attn2seq[export]'\")",
        "raise UserError(\"MLflow is not there: pip install 'attn2seq[tracking]'\")",
        "raise UserError('something is missing: pip install something')",
        "try:\n import mtdata.entry\nexcept ImportError:\n raise UserError('pip install mdtata')",
        "def f():\n yield Finding('no DVC', 'pip install attn2seq')",
    ],
)
def test_a_message_that_names_another_package_is_seen(code: str) -> None:
    (message,) = messages(ast.parse(code))
    assert fault(message)
