"""A server ends with the process that started it, however that is told to end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from attn2seq.cli.local_server import served

ROOT = Path(__file__).parents[2]
# It looks about again and again: a signal that just misses an endless wait would wake nothing.
STARTER = """
import sys, time
from attn2seq.cli.local_server import served
try:
    with served([sys.executable, "-c", "import time; time.sleep(600)"]) as server:
        print("serving", flush=True)
        while server.poll() is None:
            time.sleep(0.05)
except KeyboardInterrupt:
    sys.exit(0)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_the_server_ends_with_its_starter(number: int, status: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as starter:  # fmt: skip
        assert starter.stdout is not None
        assert starter.stdout.readline() == "serving\n"
        starter.send_signal(number)  # to it alone
        # The output ends when both have ended.
        assert starter.communicate() == ("", None)
    assert starter.returncode == status


def test_a_server_that_ends_by_itself() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    with served([sys.executable, "-c", "raise SystemExit(3)"]) as server:
        assert signal.getsignal(signal.SIGTERM) is not usual
        assert server.wait() == 3
    assert signal.getsignal(signal.SIGTERM) is usual
