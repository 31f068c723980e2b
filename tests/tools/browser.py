"""A headless Chromium that opens pages, types and clicks in them, and takes pictures.

It is told what to do over a pair of pipes (`--remote-debugging-pipe` and the Chrome DevTools
Protocol: JSON messages, each ended by a zero byte), so that no port is opened.

    with Browser(scratch) as browser:
        page = browser.open("http://127.0.0.1:8000", width=1200, height=800)
        page.click("#text")
        page.type("Where is the station?")
        page.wait_for("document.getElementById('best').textContent")
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attn2seq.errors import UserError

AXE = Path(str(files("axe_core_python"))) / "axe.min.js"
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--hide-scrollbars", "--mute-audio", "--remote-debugging-pipe"),
)
SECONDS = 120  # until a browser that does not answer is given up
KEY_CODES = {"Enter": 13, "Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, " ": 32}


def find_browser() -> str | None:
    """The program, or None where no Chromium is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser process with a profile of its own; a context manager."""

    def __init__(self, scratch: Path, further: Sequence[str] = ()) -> None:
        """`scratch` is a folder for the profile, `further` are options of the program.

        Raises UserError where there is no Chromium.
        """
        program = find_browser()
        if program is None:
            raise UserError(
                "no Chromium is installed: install the package chromium (or chromium-browser, or "
                "Google Chrome), for example with `apt install chromium`"
            )
        self._messages, ours = _pipe()
        theirs, self._commands = _pipe()
        command = [
            program,
            *OPTIONS,
            *further,
            f"--user-data-dir={scratch / 'profile'}",
            "about:blank",
        ]
        # The browser reads what it is told at 3 and answers at 4.
        actions = [
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, theirs, 3),
            (os.POSIX_SPAWN_DUP2, ours, 4),
        ]
        self._process = os.posix_spawn(
            program, command, os.environ, file_actions=actions, setpgroup=0
        )
        os.close(ours)
        os.close(theirs)
        self._last_id, self._read, self.events = 0, b"", list[dict[str, Any]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError, RuntimeError):  # it may have ended by itself
            self.tell("Browser.close")
            while True:  # until its last process has let go of the pipe
                self._next_message(time.monotonic() + SECONDS)
        os.close(self._commands)
        os.close(self._messages)
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def open(self, url: str, width: int, height: int, dark: bool = False) -> "Page":
        """A page of that size in CSS pixels, when it has loaded."""
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.tell("Page.enable")
        page.tell("Runtime.enable")
        page.tell("Log.enable")
        page.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.tell("Emulation.setEmulatedMedia", features=[scheme])
        page.tell("Page.navigate", url=url)
        page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    def tell(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to a command of the protocol. Raises RuntimeError where it fails."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._next_message(deadline)
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next_message(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._messages], [], [], deadline - time.monotonic())
            more = os.read(self._messages, 1 << 20) if ready else b""
            if not more:
                raise RuntimeError("the browser has ended, or does not answer")
            self._read += more
        text, _, self._read = self._read.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


class Page:
    """A page in the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command of the protocol, for this page."""
        return self._browser.tell(method, self._session, **params)

    def value(self, expression: str) -> Any:
        """What the JavaScript expression gives, awaited where it is a promise."""
        found = self.tell(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The expression's value as soon as it is true."""
        deadline = time.monotonic() + SECONDS
        while not (value := self.value(expression)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"never true: {expression}")
            time.sleep(0.02)
        return value

    def click(self, selector: str) -> None:
        """A click of the mouse on the middle of the first element that the selector finds."""
        place = self.value(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            "element.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = element.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                      button="left", clickCount=1)  # fmt: skip

    def type(self, text: str) -> None:
        """Text where the cursor is, as an input method enters it."""
        self.tell("Input.insertText", text=text)

    def choose(self, selector: str, path: Path) -> None:
        """A file in the file field that the selector finds."""
        root = self.tell("DOM.getDocument")["root"]["nodeId"]
        node = self.tell("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.tell("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def press(self, key: str) -> None:
        """A key of KEY_CODES, pressed and released."""
        code = {"key": key, "code": key, "windowsVirtualKeyCode": KEY_CODES[key]}
        text = {"Enter": "\r", " ": " "}.get(key)
        self.tell(
            "Input.dispatchKeyEvent", type="keyDown", **code, **({"text": text} if text else {})
        )
        self.tell("Input.dispatchKeyEvent", type="keyUp", **code)

    def barriers(self) -> list[str]:
        """What keeps people with disabilities out, as axe finds it by the rules of WCAG 2.1, level
        AA: for each fault the rule and the elements.
        """
        self.value(AXE.read_text(encoding="utf-8"))
        found = self.value(f"axe.run(document, {json.dumps(WCAG)})")
        return [
            f"{fault['id']} ({fault['help']}): {[node['html'] for node in fault['nodes']]}"
            for fault in found["violations"]
        ]

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in CSS pixels."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip

    def picture(self, path: Path, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a WebP file (or PNG, as the name says)."""
        kind = path.suffix.removeprefix(".")
        quality = {"quality": 80} if kind == "webp" else {}
        found = self.tell(
            "Page.captureScreenshot", format=kind, captureBeyondViewport=whole, **quality
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def complaints(self) -> list[str]:
        """What the browser's console was told so far: errors, refused loads, exceptions."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown")
        return [
            json.dumps(event["params"])
            for event in self._browser.events
            if event.get("sessionId") == self._session and event["method"] in kinds
        ]


def _pipe() -> tuple[int, int]:
    """Both ends, at numbers that are not those that the browser needs."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
