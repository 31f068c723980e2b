"""A real MLflow server in a process of its own, and a gate before it that fails as servers do."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


class TrackingServer:
    """`mlflow server`, its database and its files in `folder` unless they are elsewhere; can be
    killed and started anew. `environment` is what it needs to reach them.
    """

    def __init__(
        self, folder: Path, port: int | None = None, *, database: str | None = None,
        files: str | None = None, environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.port = folder, port or free_port()
        self._database = database or f"sqlite:///{folder / 'server.db'}"
        self._files = files or str(folder / "artifacts")
        self._environment = environment or {}
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1",
            "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", self._database, "--artifacts-destination", self._files,
        ]  # fmt: skip
        apart = {
            name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")
        }
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=apart | quiet | self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 300
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError((self.folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.2)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Gate(ThreadingHTTPServer):
    """Hands requests on to a server: late, or until one is lost; `seen` names those that came."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, server: TrackingServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.server = server
        self.uri = f"http://127.0.0.1:{self.server_port}"
        self.delay_s = 0.0
        # Asked of each request; from the first True on nothing is answered.
        self.dies_at: Callable[[str], bool] = lambda request: False
        self.dies_after_the_deed = False
        self.dead = False
        self.when_dying: Callable[[], None] = lambda: None
        self.seen: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        pass  # clients that have gone


class _Handler(BaseHTTPRequestHandler):
    server: Gate
    protocol_version = "HTTP/1.1"

    def _hand_on(self) -> None:
        gate = self.server
        body = self._body()
        request = f"{self.command} {self.path.partition('?')[0]}"
        gate.seen.append(request)
        dying = not gate.dead and gate.dies_at(request)
        if gate.dead or (dying and not gate.dies_after_the_deed):
            self._die(dying)
            return
        connection = http.client.HTTPConnection("127.0.0.1", gate.server.port)
        apart = ("host", *HOP_BY_HOP)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in apart}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if dying:
            self._die(dying)
            return
        time.sleep(gate.delay_s)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _hand_on

    def _body(self) -> bytes:
        """An empty file, too, comes in chunks, of which the last is empty."""
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _die(self, now: bool) -> None:
        self.server.dead = True
        self.close_connection = True
        if now:
            self.server.when_dying()

    def log_message(self, *_: Any) -> None:
        pass
