"""How a page is put together: texts are escaped, data stand as JSON, own styles as they are."""

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attn2seq.report import content, figures

TEMPLATES = Path(__file__).parent / "templates"


def page_environment(*more: Path) -> Environment:
    """Templates of the report, and of the folders `more`, whatever they insert being text."""
    environment = Environment(
        loader=FileSystemLoader([*more, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json_block": json_block, "bucket": content.bucket_label}
    environment.globals |= {
        "box": {name: getattr(figures, name) for name in
                ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")},
        "own": lambda name: _own_source(environment, name),
    }  # fmt: skip
    return environment


def language_tag(language: str | None) -> str:
    """What a browser may be told of a text's language: `zxx`, no language, for made-up ones."""
    known = re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language or "")
    return language if known and language else "zxx"


def json_block(values: Any) -> Markup:
    """JSON that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _own_source(environment: Environment, name: str) -> Markup:
    """A style or script of this package: the only text that goes into the page unescaped."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
