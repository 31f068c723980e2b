"""Servers, on this machine alone unless told: their port, and how those of MLflow end."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attn2seq.errors import UserError

HOST = "127.0.0.1"


def refuse_taken(port: int, command: str) -> None:
    """Raises UserError where something listens at the port already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            raise UserError(
                f"port {port} is taken, perhaps by another `attn2seq {command}`: choose one with "
                f"--port {port + 50} (make {command} PORT={port + 50})"
            )


def listen(port: int, command: str, host: str = HOST) -> socket.socket:
    """A socket that listens; port 0 is a free one. Raises UserError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        where = f"port {port}" + ("" if host == HOST else f" of {host}")
        raise UserError(
            f"{where} cannot be used ({reason}): choose another, such as --port 8080 "
            f"(make {command} PORT=8080)"
        ) from None


@contextmanager
def served(
    command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that ends with the block; SIGTERM ends the block, as Ctrl-C does.

    A terminal's Ctrl-C reaches the server too; any other end would leave it behind with its port.
    """
    usual = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with subprocess.Popen(command, cwd=cwd, env=env) as server:
            try:
                yield server
            finally:
                server.terminate()
    finally:
        signal.signal(signal.SIGTERM, usual)
