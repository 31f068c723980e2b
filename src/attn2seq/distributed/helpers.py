"""The other processes of a run on one machine, started by its first one.

torch's launcher, torchrun, does this too, but it listens on all of the machine's addresses and lets
anyone who connects read and write what the processes exchange. Here everything stays on loopback.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import torch.distributed as dist

from attn2seq.distributed.ranks import LOST, Ranks, launched

# Says that standard input closes when the first process is gone, however it ended.
LIFELINE = "ATTN2SEQ_LIFELINE"
# How long the first process has to notice by itself that another has ended, and these have to end
# after it.
GRACE_S = 10.0
LOOPBACK = "127.0.0.1"
RESUMES = "the same command resumes from the last checkpoint"


@contextmanager
def together(
    processes: int, command: Sequence[str], section: str = "train", remedy: str = RESUMES
) -> Iterator[Ranks]:
    """This process as one of so many; the others run while the block does.

    Where a launcher started them all, its variables count. Else this process is the first, and runs
    `command` once for each other. `section` of the settings says how many, `remedy` what to do
    where one is lost. Raises UserError where the variables contradict the number.
    """
    if ranks := launched(processes, section):
        if os.environ.get(LIFELINE):
            threading.Thread(target=_end_with_first, daemon=True).start()
        yield ranks
    elif processes == 1:
        yield Ranks()
    else:
        store = _store()
        helpers = _Helpers(processes, command, store.port, remedy)
        usual = {name: os.environ.get(name) for name in helpers.variables}
        os.environ.update(helpers.variables)
        try:
            yield Ranks(0, processes, 0, processes, helpers.lost)
            helpers.wait()
        finally:
            helpers.end()
            for name, value in usual.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def _store() -> Any:
    """Where the processes meet, at a free port; by default it would listen on all addresses."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    return dist.TCPStore(  # type: ignore[attr-defined]
        LOOPBACK, port, is_master=True, wait_for_workers=False, master_listen_fd=listener.detach()
    )


class _Helpers:
    """All processes but the first."""

    def __init__(self, count: int, command: Sequence[str], port: int, remedy: str) -> None:
        loopback = next((n for _, n in socket.if_nameindex() if n.startswith("lo")), "lo")
        self.variables = {
            "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": LOOPBACK, "MASTER_PORT": str(port),
            # The store is there already, as that of torchrun is.
            "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0",
            "GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback,
        }  # fmt: skip
        self.count, self.command, self.remedy = count, command, remedy
        self.said: list[IO[bytes]] = []
        self.running: list[subprocess.Popen[bytes]] = []
        for rank in range(1, count):
            self._start(rank)
        self.ended = threading.Event()
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()

    def _start(self, rank: int) -> None:
        said = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (read when the process has ended)
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), LIFELINE: "1"}
        process = subprocess.Popen(
            self.command,
            env=os.environ | self.variables | own,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for the first process, which tells the others
        )
        self.said.append(said)
        self.running.append(process)

    def _watch(self) -> None:
        """End this process where another has ended and this one does not notice: it may wait for
        it in a library, where no exception of Python reaches it.
        """
        while not self.ended.wait(0.2):
            if self._failed() and not self.ended.wait(GRACE_S):
                told = self.lost("it ended")
                if not self.ended.is_set():
                    print(f"error: {told}", file=sys.stderr, flush=True)
                    os._exit(1)

    def _failed(self) -> list[int]:
        """The ranks of those that ended, and not well."""
        return [rank for rank, helper in enumerate(self.running, 1) if helper.poll()]

    def lost(self, reason: str) -> str:
        """Which process ended, and what it said last: the one because of which others ended, too.

        The reason is said only where there is none.
        """
        deadline = time.monotonic() + GRACE_S / 2
        told: dict[int, str] = {}
        while time.monotonic() < deadline:
            told = {rank: self._last_words(rank) for rank in self._failed()}
            first = [rank for rank, words in told.items() if LOST not in words]
            if first:
                status = self.running[first[0] - 1].returncode
                how = f"was ended by signal {-status}" if status < 0 else f"ended with {status}"
                said = told[first[0]]
                return (
                    f"process {first[0]} of {self.count} (counted from 0) {how}; "
                    f"{self.remedy}{f'. It said: {said}' if said else ''}"
                )
            time.sleep(0.1)
        return f"one of the {self.count} processes does not answer ({reason}); {self.remedy}"

    def _last_words(self, rank: int) -> str:
        file = self.said[rank - 1]
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
        return file.read().decode(errors="replace").strip()

    def wait(self) -> None:
        """Until the others have ended, too, as they do when all is done."""
        for helper in self.running:
            try:
                helper.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                return

    def end(self) -> None:
        """End those that still run; they have nothing to save."""
        self.ended.set()
        for helper in self.running:
            helper.kill()
            helper.wait()
            assert helper.stdin is not None
            helper.stdin.close()
        self.watch.join()
        for said in self.said:
            said.close()


def _end_with_first() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
