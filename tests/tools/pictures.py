"""Takes the README's pictures: of the report, the demo, and MLflow's comparison of runs.

    python tests/tools/pictures.py            into docs/pictures/, with the results of `make repro`

Each needs what it shows, and a picture whose page is not there is left as it is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from browser import Browser, Page

from attn2seq.cli.demo import serving
from attn2seq.cli.workspace import MODEL
from attn2seq.errors import UserError
from attn2seq.runs.links import COMPARED, links
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.show import COMPLETE_TIMEOUT_S, store_of
from attn2seq.workspace.stage import main_root

FOLDER = Path("docs/pictures")
REPORT = Path("results/report/index.html")
WIDTH, HEIGHT = 1200, 850
SECONDS = 90  # until a server that does not answer is given up
# What closes MLflow's own offer of help, where it covers the page.
ASSISTANT = '[data-component-id="mlflow.assistant.chat_panel.close"]'
UI_PORT = 5077  # not the one that a user's own `make ui` has


def main(arguments: list[str]) -> int:
    """The exit status: 1 where no browser is installed or no picture could be taken."""
    parser = argparse.ArgumentParser(prog="pictures", description=__doc__)
    parser.parse_args(arguments)
    taken = 0
    try:
        with _scratch() as scratch, Browser(Path(scratch)) as browser:
            for take in (take_report, take_demo, take_comparison):
                taken += _told(take, browser)
    except UserError as error:
        print(f"pictures: error: {error}", file=sys.stderr)
        return 1
    return 0 if taken else 1


def _scratch() -> "tempfile.TemporaryDirectory[str]":
    # A process of the browser's may write to its profile until the very end.
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def _told(take: Callable[[Browser], Path], browser: Browser) -> bool:
    try:
        path = take(browser)
    except (UserError, RuntimeError) as error:  # a RuntimeError: the page does not show it
        print(f"pictures: left out: {error}", file=sys.stderr)
        return False
    print(f"pictures: {path}, {path.stat().st_size / 1024:.0f} KB")
    return True


def take_report(browser: Browser) -> Path:
    """The report's sentences, one of them opened with its attention map."""
    if not REPORT.is_file():
        raise UserError(f"the report ({REPORT} is missing: `make repro` makes it)")
    page = browser.open(REPORT.absolute().as_uri(), WIDTH, HEIGHT)
    page.wait_for("document.querySelector('#list details') !== null")
    page.click("#list details summary")
    _wait_until_still(page)
    page.value("document.getElementById('sentences').scrollIntoView({behavior: 'instant'})")
    return _picture(page, "report")


def take_demo(browser: Browser) -> Path:
    """The demo with its first example translated."""
    with serving(str(MODEL), 0, None, 3) as (server, address):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            page = browser.open(address, WIDTH, HEIGHT)
            page.click("#examples button")
            page.wait_for("!document.getElementById('result').hidden")
            _wait_until_still(page)
            return _picture(page, "demo", whole=True)
        finally:
            server.shutdown()
            thread.join()


def take_comparison(browser: Browser) -> Path:
    """The latest runs beside each other in MLflow."""
    store = store_of(main_root(), os.environ.get("MLFLOW_TRACKING_URI"))
    if store.database is not None and not store.database.is_file():
        raise UserError("MLflow's comparison (no runs here: `make track` adds them)")
    runs = Runs(store, COMPLETE_TIMEOUT_S).latest(COMPARED)
    if len(runs) < 2:
        raise UserError("MLflow's comparison (there are fewer than two runs)")
    _, compared, *_ = links(store, runs, UI_PORT)
    with _served_ui(served_elsewhere=store.artifacts is None):
        page = browser.open(compared.address, WIDTH, HEIGHT)
        page.wait_for("document.querySelector('.js-plotly-plot') !== null")
        page.value(f"document.querySelector({ASSISTANT!r})?.click()")
        _wait_until_still(page)
        return _picture(page, "mlflow")


@contextmanager
def _served_ui(served_elsewhere: bool) -> Iterator[None]:
    if served_elsewhere:
        yield
        return
    # Without a screen it opens no browser of the user's.
    apart = {"BROWSER", "DISPLAY", "WAYLAND_DISPLAY"}
    process = subprocess.Popen(
        [sys.executable, "-m", "attn2seq.cli.main", "ui", "--port", str(UI_PORT)],
        env={name: value for name, value in os.environ.items() if name not in apart},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for_server(process)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for_server(process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{UI_PORT}/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise UserError(f"MLflow's comparison (`make ui PORT={UI_PORT}` does not answer)")


def _wait_until_still(page: Page) -> None:
    """Until nothing has changed in the page for a second."""
    page.value(
        "new Promise((done) => { let timer = setTimeout(done, 1000);"
        "new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 1000); })"
        ".observe(document, {subtree: true, childList: true, attributes: true}); })"
    )


def _picture(page: Page, name: str, whole: bool = False) -> Path:
    path = FOLDER / f"{name}.webp"
    page.picture(path, whole)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
