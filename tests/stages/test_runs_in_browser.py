"""Runs of real stages in MLflow's comparison, as a browser shows them from `make ui`'s link."""

import os
import re
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import browser as browsing
import pytest
from browser import Browser, find_browser
from finished_steps import Step
from tiny_repository import PROJECT
from tracking_server import free_port

from attn2seq.runs.links import COMPARED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed"),
]


def test_real_runs_are_compared(experiments: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine a page of MLflow's takes its time.
    monkeypatch.setattr(browsing, "SECONDS", 300)
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    served = experiments.repository.start(
        "python", "-m", "attn2seq.cli.main", "ui", "--port", str(free_port())
    )
    try:
        assert served.stdout is not None
        printed = "".join(served.stdout.readline() for _ in range(7))
        (comparison,) = re.findall(r"http://\S+/#/compare-runs\S+", printed)
        with TemporaryDirectory() as scratch, Browser(Path(scratch)) as browser:
            page = browser.open(comparison, width=1600, height=1200)
            # MLflow draws only the rows of its tables that are in sight.
            compared = f"Comparing {COMPARED} Runs"
            for word in (compared, "decode.beam_size", "dev/bleu"):
                page.wait_for(f"document.body?.innerText.includes({word!r})")
            for name in ("short", "long"):
                page.wait_for(
                    "[...document.body.querySelectorAll('*')]"
                    f".some((one) => one.textContent === {name!r})"
                )
            page.click("button[aria-label='Parameters - Show diff only']")
            page.wait_for("!document.body.innerText.includes('decode.beam_size')")
            assert page.value("document.body.innerText.includes('decode.length_alpha')")
            page.picture(PROJECT / ".cache" / "screenshots" / "mlflow_real_runs.png")
    finally:
        os.killpg(served.pid, signal.SIGKILL)
        served.communicate()
