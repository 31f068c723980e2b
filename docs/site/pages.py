"""Lays out the pages of the site in a folder, for the generator to read.

    python docs/site/pages.py FOLDER

Pages of docs/ are taken as they are, but for their links; notebooks with their text, code and
equations. The home page is README.md, the reference of settings is params.yaml with the ranges that
the settings' own classes state, that of commands is their help: so none of them can go stale.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import jupytext
from latex2mathml.converter import convert
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

from attn2seq.cli.app import app
from attn2seq.workspace.check_params import SECTIONS

ROOT = Path(__file__).parents[2]
# Files outside docs/ that are pages, by where they stand in the repository.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/results/README.md": "project/measurements.md",
}
LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pages = {page: page_text(ROOT / source, page) for source, page in PAGES.items()}
    for source in (ROOT / "docs").rglob("*.md"):
        page = source.relative_to(ROOT / "docs").as_posix()
        if page != "README.md":
            pages[page] = page_text(source, page)
    for source in (ROOT / "docs/notebooks").glob("*.py"):
        page = f"notebooks/{source.stem}.md"
        pages[page] = "\n\n".join(notebook_parts(source, page))
    pages["reference/params.md"] = "".join(params_page())
    pages["reference/command_line.md"] = "".join(command_page())
    for page, text in pages.items():
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs/pictures", folder / "pictures")


def page_text(source: Path, page: str) -> str:
    """A Markdown file's text, for the page's place."""
    # A picture within a link first: its own brackets are in the way of the link around it.
    pictures = re.compile(r"\[!\[([^\]]*)\]\(docs/([^)]+)\)\]\(docs/[^)]+\)")
    text = relinked(
        pictures.sub(r"![\1](docs/\2)", source.read_text(encoding="utf-8")), source, page
    )
    return re.sub(r"!\[[^\]]*\]\(([^)]+)\)", r"[\g<0>](\1)", text)  # opens at its full size


def notebook_parts(source: Path, page: str) -> Iterator[str]:
    """A notebook's cells as Markdown."""
    yield f"*A notebook: `{source.relative_to(ROOT)}`. [How to open it](../how_to/notebooks.md).*"
    for cell in jupytext.read(source).cells:
        if cell.cell_type == "code":
            yield f"```python\n{cell.source}\n```"
        else:
            yield with_equations(relinked(cell.source, source, page))


def with_equations(text: str) -> str:
    """The text with its LaTeX as MathML, which browsers draw without a script."""
    text = re.sub(r"\$\$([^$]+)\$\$", lambda at: convert(at[1], display="block"), text)
    # Within a span, since Markdown would begin a block at an equation that begins a line.
    return re.sub(r"\$([^$]+)\$", lambda at: f"<span>{convert(at[1])}</span>", text)


def relinked(text: str, source: Path, page: str) -> str:
    """The text of a file, its links from the page's place; what is no page is named, not linked."""

    def link(match: re.Match[str]) -> str:
        label, address = match[1], match[2]
        path, _, anchor = address.partition("#")
        there = (source.parent / path).resolve().relative_to(ROOT).as_posix()
        inside = there.removeprefix("docs/") if there.startswith("docs/") else ""
        target = PAGES.get(there, "index.md" if there == "docs/README.md" else inside)
        if target.startswith("notebooks/"):
            target = target.removesuffix(".py") + ".md"
        if not target or target.endswith(".py"):
            return f"`{there}`" if label.strip("`") in (path, there) else f"{label} (`{there}`)"
        up = "../" * page.count("/")
        return f"[{label}]({up}{target}{'#' + anchor if anchor else ''})"

    # Between fences is code, in which `[one](other)` is no link.
    parts = re.split(r"(^```.*?^```)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(link, part) for part in parts)


@dataclass
class Group:
    """Settings of params.yaml that share a comment."""

    comment: str
    keys: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def groups_of(section: str) -> list[Group]:
    """The settings of one section, in order."""
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    body = lines[lines.index(f"{section}:") + 1 :]
    groups: list[Group] = []
    comment: list[str] = []
    for line in body:
        if line and not line.startswith(" "):
            break
        if line.strip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
        elif match := re.match(r"  (\w+): *(.*?)(?: +# (.*))?$", line):
            key, value, beside = match.groups()
            if comment or beside or not groups:
                groups.append(Group(" ".join([*comment, *([beside] if beside else [])])))
                comment = []
            groups[-1].keys.append(key)
            groups[-1].values.append(value)
    return groups


def params_page() -> Iterator[str]:
    yield (
        "# Settings\n\nEvery key of `params.yaml`, each with its default and its possible values. "
        "`attn2seq check` reports all errors at once.\n"
    )
    for section, kind in SECTIONS.items():
        yield f"\n## {section}\n"
        for group in groups_of(section):
            names = ", ".join(f"`{section}.{key}`" for key in group.keys)
            yield f"\n### {names} {{ #{section}.{group.keys[0]} }}\n\n{group.comment}\n\n"
            for key, value in zip(group.keys, group.values, strict=True):
                allowed = values_of(kind.model_fields[key])
                yield f"- `{key}: {value}`, {allowed}\n"


def values_of(info: FieldInfo) -> str:
    """What a setting may be, in words."""
    kind = info.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    names = {bool: "`true`, `false`", int: "a whole number", float: "a number", str: "text"}
    words = names.get(kind, "a list") if isinstance(kind, type) else "a list"
    bounds = [bound(item) for item in info.metadata]
    return " ".join([words, *filter(None, [" and ".join(filter(None, bounds))])])


def bound(item: Any) -> str:
    match item:
        case annotated_types.Ge(ge=least):
            return f"from {least:g}"
        case annotated_types.Gt(gt=least):
            return f"above {least:g}"
        case annotated_types.Le(le=most):
            return f"to {most:g}"
        case annotated_types.Lt(lt=most):
            return f"below {most:g}"
    return ""


def command_page() -> Iterator[str]:
    runner = CliRunner(env={"COLUMNS": "80"})
    yield "# Command line\n\nWhat `attn2seq --help` and `attn2seq VERB --help` print.\n"
    for verb in ("", *(str(command.callback.__name__) for command in app.registered_commands)):
        said = runner.invoke(app, [*([verb] if verb else []), "--help"], prog_name="attn2seq")
        yield f"\n## {f'attn2seq {verb}'.strip()}\n\n```text\n{said.output.strip()}\n```\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
