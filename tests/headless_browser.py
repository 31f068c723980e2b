"""Pages in a real browser, from the disk and without a network: what scripts find, and pictures."""

import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
# Pictures of the pages, to be looked at; git ignores the folder.
PICTURES = Path(__file__).parents[1] / ".cache" / "screenshots"

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9"),
    *("--hide-scrollbars", "--virtual-time-budget=3000"),
)


def run(page: str, script: str, tmp_path: Path, width: int = 1000) -> str:
    """What the script returns, as text, after the page has shown itself in so many pixels."""
    path = _written(page, script, tmp_path)
    found = _browse(path, tmp_path, "--dump-dom", f"--window-size={width},2000")
    return found.split("<title>")[1].split("</title>")[0]


def picture(
    page: str, name: str, tmp_path: Path, width: int, dark: bool = False, script: str = ""
) -> Path:
    """A picture of the page's first 2,000 lines of pixels, after the script has run."""
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    _browse(
        _written(page, script, tmp_path), tmp_path,
        f"--screenshot={path}", f"--window-size={width},2000", *shades,
    )  # fmt: skip
    return path


def _written(page: str, script: str, tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    ending = f"<script>document.title = String((() => {{ {script} }})());</script></body>"
    head, _, tail = page.rpartition("</body>")  # a script of the page may hold that text, too
    path.write_text(head + ending + tail, encoding="utf-8")
    return path


def _browse(path: Path, tmp_path: Path, *options: str) -> str:
    assert BROWSER is not None
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [BROWSER, *QUIET, profile, *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
