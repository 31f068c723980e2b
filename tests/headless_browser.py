"""Pages in a real browser, from the disk and without a network: what scripts find, and pictures.

One browser serves all tests of a process, since starting it takes longer than most of them.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from browser import Browser, Page, find_browser

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
# Pictures of the pages, to be looked at; git ignores the folder.
PICTURES = Path(__file__).parents[1] / ".cache" / "screenshots"
ALONE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9")
HEIGHT = 2000


def run(page: str, script: str, tmp_path: Path, width: int = 1000) -> str:
    """What the script returns, as text, after the page has shown itself in so many pixels."""
    with _shown(page, script, tmp_path, width) as shown:
        told: str = shown.wait_for("document.title !== 'waiting' && document.title")
        return told


def barriers(page: str, tmp_path: Path, width: int, dark: bool = False) -> list[str]:
    """What axe finds in the page."""
    with _shown(page, "", tmp_path, width, dark) as shown:
        return shown.barriers()


def picture(
    page: str, name: str, tmp_path: Path, width: int, dark: bool = False, script: str = ""
) -> Path:
    """A picture of the page's first lines of pixels, after the script has run."""
    path = PICTURES / f"{name}.png"
    with _shown(page, script, tmp_path, width, dark) as shown:
        shown.picture(path)
    return path


@contextmanager
def _shown(
    page: str, script: str, tmp_path: Path, width: int, dark: bool = False
) -> Iterator[Page]:
    path = tmp_path / "page.html"
    ending = f"<script>document.title = String((() => {{ {script} }})());</script></body>"
    head, _, tail = page.rpartition("</body>")  # a script of the page may hold that text, too
    path.write_text(head + ending + tail, encoding="utf-8")
    shown = _browser().open(path.as_uri(), width, HEIGHT, dark)
    try:
        yield shown
    finally:
        shown.tell("Page.close")


@cache
def _browser() -> Browser:
    stack = ExitStack()
    atexit.register(stack.close)
    scratch = stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
    return stack.enter_context(Browser(Path(scratch), ALONE))
