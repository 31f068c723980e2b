"""Every command that a message, a help text or a page names is one: its verb and its options."""

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser

from attn2seq.cli.app import app

ROOT = Path(__file__).parents[2]
PLACE = "PLACE"  # what a message fills in
PROGRAMS = ("attn2seq", "make", "dvc", "pip install", "python -m")
STARTS = "|".join(PROGRAMS)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def texts() -> Iterator[tuple[str, str]]:
    """Where a text stands, and the text: strings of the code, and pages."""
    for folder in ("src", "pipeline"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
                      for part in node.values}  # fmt: skip
            for node in ast.walk(tree):
                if id(node) not in inside and (text := text_of(node)):
                    yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", text
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        if path.name != "CHANGELOG.md":  # which names what earlier versions had
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def text_of(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or PLACE for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def commands_in(text: str) -> set[str]:
    """Those between backticks, and the lines of code blocks and of a help text's examples."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    found = re.findall(rf"`((?:{STARTS}) [^`]+)`", prose)
    for block in [*blocks, *re.findall(r"^ *Examples:\n(.*)", text, re.M | re.S)]:
        found += re.findall(rf"^ *((?:{STARTS}) .*)$", block.replace("\\\n", " "), re.M)
    return {" ".join(re.split(r" [|#>&]|;", command)[0].split()) for command in found}


@cache
def verbs() -> dict[str, Any]:
    group = typer.main.get_command(app)
    return dict(group.commands)  # type: ignore[attr-defined]


@cache
def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def fault(command: str) -> str | None:
    """What speaks against the command, if anything."""
    program, *words = shlex.split(command.replace("...", ""))
    match program:
        case "attn2seq":
            return fault_of_verb(words)
        case "make":
            return fault_of_target(words)
        case "dvc":
            # A text that speaks of a command may leave out what it is given.
            if not dvc_takes(words) and not dvc_takes([*words, PLACE]):
                return "DVC does not take it"
        case "pip":
            named = {extra for word in words for extra in re.findall(r"attn2seq\[(.+)\]", word)}
            return f"no extras {named}" if named - extras() else None
        case "python":
            found = importlib.util.find_spec(words[1].split("/")[0])
            return None if found else f"no module {words[1]}"
    return None


def dvc_takes(words: list[str]) -> bool:
    try:
        get_main_parser().parse_args(words)
    except (SystemExit, DvcParserError):
        return False
    return True


def fault_of_verb(words: list[str]) -> str | None:
    if words[0] in ("VERB", PLACE) or words[0].startswith("--"):
        return None
    if words[0] not in verbs():
        return f"no verb {words[0]}"
    known = {option for param in verbs()[words[0]].params
             for option in (*param.opts, *param.secondary_opts)} | {"--help"}  # fmt: skip
    options = words[: words.index("--")] if "--" in words else words
    lacking = [word for word in options if re.match(r"--?[a-zA-Z]", word)]
    lacking = [word for word in lacking if word.partition("=")[0] not in known]
    return f"no options {lacking}" if lacking else None


def fault_of_target(words: list[str]) -> str | None:
    targets = [word for word in words if "=" not in word and word != PLACE]
    given = {word.partition("=")[0] for word in words if "=" in word} - {"PYTHON"}
    for target in targets:
        recipe = re.search(rf"^{target}: \$\(READY\).*?(?=\n\n|\Z)", MAKEFILE, re.M | re.S)
        if recipe is None and not re.search(rf"^{target}:", MAKEFILE, re.M):
            return f"no target {target}"
        lacking = {name for name in given if recipe is None or name not in recipe[0]}
        if lacking:
            return f"{target} does not read {lacking}"
    return None


def test_all_commands_that_are_named_are_there(capfd: pytest.CaptureFixture[str]) -> None:
    found = {(where, command) for where, text in texts() for command in commands_in(text)}
    assert {command.split()[0] for _, command in found} >= {"attn2seq", "make", "dvc", "python"}
    assert len(found) > 200
    faults = [f"{where}: {command}: {told}" for where, command in sorted(found)
              if (told := fault(command))]  # fmt: skip
    assert not faults, "\n".join(faults) + capfd.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "attn2seq translte x", "attn2seq gc --everything", "make tests", "make gc ALLES=1",
        "dvc exp pul", "dvc gc --everywhere", "pip install 'attn2seq[all]'",
        "python -m pipeline.tokenise",
    ],
)  # fmt: skip
def test_a_command_that_is_none_is_seen(command: str) -> None:
    assert fault(command)
