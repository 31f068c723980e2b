"""Many clients at once, on this machine: `attn2seq serve --fast`, then MLflow's server.

    PYTHONPATH=src python -m benchmarks.serving [--clients N] [--minutes M] [MODEL]

`MODEL` is a folder with a trained model, by default that of the recipe phrasebook-en-de, trained at
the first call. Each client sends the next request when it has the answer to the last one; a request
has one to four sentences of the phrasebook. `errors` are answers with another status than 200, or
none within five minutes; `wrong` are those in which not every text is the translation that its
sentence has alone, in order. The clients are one process, which takes some of the same processors;
`load` is the mean number of processes that wanted to run, these and others.
"""

import argparse
import asyncio
import os
import random
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from urllib.error import URLError
from urllib.request import urlopen

import httpx2

from attn2seq.api import load
from attn2seq.cli.local_server import HOST
from attn2seq.phrasebook.phrasebook import generate_phrasebook
from attn2seq.runs.mlflow_store import Runs
from attn2seq.runs.record import Group, ModelFiles, RunRecord, Store
from benchmarks.machine import ROOT
from benchmarks.tables.runs import Run, trained

DEFAULT = Run("bench-default-trained", "phrasebook-en-de", {})
SENTENCES, SEED, MOST = 200, 1, 4
TIMEOUT_S, START_S = 300, 600
MOST_CLIENTS, MOST_MINUTES = 1000, 60


@dataclass
class Figures:
    """What came of the requests to one server."""

    seconds: float = 0.0  # of all of it
    latencies: list[float] = field(default_factory=list)  # seconds, of what was answered
    texts: int = 0  # in these answers
    errors: Counter[str] = field(default_factory=Counter)
    wrong: int = 0

    def row(self, name: str) -> str:
        """One line of the table; throughput counts answers alone."""
        answered = len(self.latencies)
        cuts = statistics.quantiles(self.latencies, n=100) if answered > 1 else [0.0] * 99
        return (
            f"{name:<8}{self.seconds / 60:>8.1f}{answered:>10,}{self.errors.total():>8}"
            f"{self.wrong:>7}{answered / self.seconds:>12.1f}{self.texts / self.seconds:>9.1f}"
            f"{1000 * cuts[49]:>9,.0f}{1000 * cuts[98]:>9,.0f}{os.getloadavg()[1]:>6.1f}"
        )


def main(model: Path, clients: int, minutes: float, mlflow_minutes: float) -> None:
    pairs = generate_phrasebook(SEED, {"dev": SENTENCES})["dev"]
    translator = load(model, warn=lambda text: None)
    expected = {src: translator.translate([src])[0].text for src, _ in pairs}
    print(
        f"{clients} clients, 1 to {MOST} sentences per request, beside other work; "
        f"{translator.number_type}, {os.cpu_count()} processors"
    )
    print(
        f"{'server':<8}{'minutes':>8}{'answers':>10}{'errors':>8}{'wrong':>7}{'requests/s':>12}"
        f"{'texts/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'load':>6}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as scratch:
        for name, length, serving in (
            ("fast", minutes, fast_server(model)),
            ("MLflow", mlflow_minutes, mlflow_server(model, Path(scratch))),
        ):
            if not length:
                continue
            with serving as address:
                figures = asyncio.run(under_load(address, clients, 60 * length, expected))
            print(figures.row(name), flush=True)
            for error, count in figures.errors.most_common(5):
                print(f"  {count:,} times {error}", flush=True)


async def under_load(
    address: str, clients: int, seconds: float, expected: Mapping[str, str]
) -> Figures:
    """Send requests for so long, at least one each, and wait for the last answers."""
    figures, started = Figures(), perf_counter()
    context = ssl.create_default_context()  # which is not used, but each client would make one
    await asyncio.gather(
        *(
            _client(address, context, random.Random(number), started + seconds, expected, figures)
            for number in range(clients)
        )
    )
    figures.seconds = perf_counter() - started
    return figures


async def _client(
    address: str,
    context: ssl.SSLContext,
    draws: random.Random,
    until: float,
    expected: Mapping[str, str],
    figures: Figures,
) -> None:
    async with httpx2.AsyncClient(timeout=TIMEOUT_S, verify=context, trust_env=False) as client:
        while True:
            texts = draws.choices(list(expected), k=draws.randint(1, MOST))
            await _request(client, f"{address}/invocations", texts, expected, figures)
            if perf_counter() >= until:
                return


async def _request(
    client: httpx2.AsyncClient,
    address: str,
    texts: list[str],
    expected: Mapping[str, str],
    figures: Figures,
) -> None:
    started = perf_counter()
    try:
        answer = await client.post(address, json={"inputs": texts})
    except httpx2.HTTPError as error:
        figures.errors[type(error).__name__] += 1
        await asyncio.sleep(1)
        return
    if answer.status_code != 200:
        figures.errors[f"{answer.status_code}: {answer.text[:80]}"] += 1
        return
    figures.latencies.append(perf_counter() - started)
    figures.texts += len(texts)
    found = [one["translation"] for one in answer.json()["predictions"]]
    figures.wrong += found != [expected[text] for text in texts]


@contextmanager
def fast_server(model: Path) -> Iterator[str]:
    """Its address, once it is ready."""
    port = _free_port()
    command = [sys.executable, "-m", "attn2seq.cli.main", "serve", "--fast", "--port", str(port)]
    path = {"PYTHONPATH": str(ROOT / "src")}
    with _running([*command, "--model", str(model.resolve())], os.environ | path, ROOT):
        yield _answering(f"http://{HOST}:{port}", "ready")


@contextmanager
def mlflow_server(model: Path, scratch: Path) -> Iterator[str]:
    """The same for MLflow's, with the model logged as the pipeline does."""
    database = scratch / "mlflow.db"
    store = Store(f"sqlite:///{database}", scratch / "lock", database, scratch / "artifacts")
    record = RunRecord(
        "inputs", "outputs", None, Group("bench", ""), None, "bench", {}, {},
        model=ModelFiles(model), finished=True,
    )  # fmt: skip
    Runs(store, 60).complete(record)
    (logged,) = (path.parent for path in (scratch / "artifacts").rglob("MLmodel"))
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(logged)]
    command += ["--env-manager", "local", "--host", HOST, "--port", str(port)]
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with _running(command, apart, scratch):
        yield _answering(f"http://{HOST}:{port}", "health")


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], place: Path) -> Iterator[None]:
    """Ends it with all that it started."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _answering(address: str, path: str) -> str:
    until = perf_counter() + START_S
    while perf_counter() < until:
        try:
            with urlopen(f"{address}/{path}", timeout=60):
                return address
        except URLError:  # refused, or 503
            pass
    raise SystemExit(f"the server at {address} was not ready after {START_S} seconds")


def _free_port() -> int:
    import socket

    with socket.create_server((HOST, 0)) as unused:
        return int(unused.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="a model folder")
    parser.add_argument("--clients", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument("--minutes", type=float, default=10, metavar="M", help="default: 10")
    parser.add_argument(
        "--mlflow-minutes", type=float, default=3, metavar="M", help="default: 3; 0: without it"
    )
    given = parser.parse_args()
    if not 0 < given.clients <= MOST_CLIENTS:
        parser.error(f"--clients: 1 to {MOST_CLIENTS:,}")
    if not all(0 <= each <= MOST_MINUTES for each in (given.minutes, given.mlflow_minutes)):
        parser.error(f"--minutes, --mlflow-minutes: {MOST_MINUTES} at most")
    folder = given.model or trained(DEFAULT) / "models" / "trained"
    main(folder, given.clients, given.minutes, given.mlflow_minutes)
