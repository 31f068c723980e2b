"""`make ui` after two runs: what it prints, what it opens, and what a browser sees there."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import browser as browsing
import pytest
from browser import Browser, find_browser
from tracked_runs import ROOT
from tracked_workspace import run_stages, write_lock
from tracking_server import free_port

from attn2seq.runs import show as track

# MLflow's server starts in its own time.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed"),
]
# Git ignores the folder.
PICTURES = ROOT / ".cache" / "screenshots"
# A browser that only notes what it is told to open.
NOTE = "import sys; print(sys.argv[1], file=open(sys.argv[2], 'a'), flush=True)"


@pytest.fixture
def two_runs(finished: Path) -> Path:
    """A workspace whose MLflow shows a baseline and one with another beam."""
    assert track.main(["--quiet"]) == 0
    params = (finished / "params.yaml").read_text()
    (finished / "params.yaml").write_text(params.replace("beam_size: 5", "beam_size: 9"))
    run_stages(finished, "decode", "evaluate", "report")
    write_lock(finished)
    assert track.main(["--quiet"]) == 0
    return finished


def test_the_links_show_charts_and_a_comparison(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a page of MLflow's takes its time.
    monkeypatch.setattr(browsing, "SECONDS", 300)
    opened = two_runs / "opened"
    noting = [sys.executable, "-c", NOTE, "%s", str(opened)]
    command = [sys.executable, "-m", "attn2seq.cli.main", "ui", "--port", str(free_port())]
    with (
        TemporaryDirectory() as scratch,
        subprocess.Popen(
            command, cwd=two_runs, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
            env=os.environ | {
                "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "BROWSER": shlex.join(noting),
            },
        ) as served,
    ):  # fmt: skip
        try:
            assert served.stdout is not None
            printed = "".join(served.stdout.readline() for _ in range(9))
            charts, table, comparison, run = re.findall(r"http://\S+/#\S+", printed)
            while not opened.exists() or len(opened.read_text().splitlines()) < 2:
                assert served.poll() is None
                time.sleep(0.1)
            assert opened.read_text().splitlines() == [charts, table]
            with Browser(Path(scratch)) as browser:
                seen = {
                    "mlflow_comparison": (
                        comparison,
                        ("Comparing 2 Runs", "dev/bleu", "decode.beam_size"),
                    ),
                    "mlflow_charts": (charts, ("2 matching runs", "What to look at", "dev/bleu")),
                    # Scores without a click: 6 and 10 of the two beams.
                    "mlflow_table": (table, ("dev/bleu", "test/bleu", "6", "10")),
                    "mlflow_run": (run, ("unlike baseline: beam_size 9 (5)", "toy-en-de/train")),
                }
                names = ("baseline", "beam_size=9")
                for name, (address, words) in seen.items():
                    page = browser.open(address, width=1600, height=1200)
                    wanted = (*words, *(names if name != "mlflow_run" else names[1:]))
                    for word in wanted:
                        page.wait_for(f"document.body?.innerText.includes({word!r})")
                    page.picture(PICTURES / f"{name}.png")
                report = run.replace("?", "/artifacts/report/index.html?")
                page = browser.open(report, width=1600, height=1200)
                page.wait_for("document.querySelector('iframe')?.srcdoc || "
                              "document.querySelector('iframe')?.src")  # fmt: skip
            # Told to end, it takes MLflow's server along, which takes its workers.
            served.terminate()
            assert served.wait() == 128 + signal.SIGTERM
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(command[-1])), timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(served.pid, signal.SIGKILL)
