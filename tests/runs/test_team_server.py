"""MLflow for a team: a server on PostgreSQL, its artifacts on storage that speaks S3."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from ruamel.yaml import YAML
from tracked_workspace import run_stages, write_lock, write_workspace
from tracking_server import TrackingServer, free_port

ROOT = Path(__file__).parents[2]
WRITERS = 8
BUCKET = "attn2seq"
KEYS = {
    "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "team", "AWS_DEFAULT_REGION": "us-east-1",
}  # fmt: skip


def postgresql() -> Path | None:
    """The folder of the newest one's programs: Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    return Path(found).parent if found else places[-1] if places else None


pytestmark = [
    pytest.mark.long, pytest.mark.promise("mlflow"),
    pytest.mark.skipif(
        postgresql() is None, reason="no PostgreSQL is installed: apt install postgresql"
    ),
]  # fmt: skip


class Postgres:
    """A database server of the test's own, on this machine; can be restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        # It refuses to be run by root; its package brings a user for it.
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "--auth", "trust", "--username", "mlflow", "--no-sync")
        self.uri = f"postgresql://mlflow@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        where = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "--wait", "--log", log, "--options", where)

    def stop(self, mode: str) -> None:
        self._run("pg_ctl", "stop", "--wait", "--mode", mode)

    def _run(self, program: str, *arguments: str) -> None:
        programs = postgresql()
        assert programs is not None
        command = [programs / program, "--pgdata", self.folder / "data", *arguments]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    folder = Path(mkdtemp(prefix="attn2seq-postgres-"))  # short, and open to its user
    server = Postgres(folder)
    server.start()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture
def storage() -> Iterator[str]:
    """The address of a storage that speaks S3, with an empty bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    options: dict[str, Any] = {
        "endpoint_url": address, "region_name": KEYS["AWS_DEFAULT_REGION"],
        "aws_access_key_id": "team", "aws_secret_access_key": "team",
    }  # fmt: skip
    boto3.client("s3", **options).create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


@pytest.fixture
def server(tmp_path: Path, postgres: Postgres, storage: str) -> Iterator[TrackingServer]:
    server = TrackingServer(
        tmp_path / "server", database=postgres.uri, files=f"s3://{BUCKET}",
        environment=KEYS | {"MLFLOW_S3_ENDPOINT_URL": storage},
    )  # fmt: skip
    server.start()
    yield server
    server.kill()


@pytest.fixture
def workspaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Finished ones of the team's members, each with a learning rate of its own."""
    places = [tmp_path / f"member {place}" for place in range(1, WRITERS + 1)]
    yaml = YAML()
    for place, root in enumerate(places, start=1):
        root.mkdir()
        write_workspace(root)
        params = yaml.load(root / "params.yaml")
        params["train"]["learning_rate"] = place / 1000
        yaml.dump(params, root / "params.yaml")
        monkeypatch.chdir(root)
        run_stages(root)
        write_lock(root)
    return places


def track(root: Path, server: TrackingServer) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {"MLFLOW_TRACKING_URI": server.uri, "DVC_ROOT": str(root), "PYTHONPATH": paths}
    return subprocess.Popen(
        [sys.executable, "-m", "attn2seq.runs.show"], cwd=root, env=os.environ | environment,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_eight_at_once_while_the_database_restarts(
    server: TrackingServer, postgres: Postgres, storage: str, workspaces: list[Path]
) -> None:
    """Nothing is lost, nothing is there twice; whom the restart met says so, and tries again."""
    from mlflow import MlflowClient

    writing = [track(root, server) for root in workspaces]
    client = MlflowClient(server.uri)
    while not runs_of(client) and any(process.poll() is None for process in writing):
        time.sleep(0.05)
    postgres.stop("fast")
    time.sleep(1)
    postgres.start()
    said = [process.communicate()[0] for process in writing]
    assert all("Traceback" not in text for text in said), said
    for root in workspaces:
        again = track(root, server)
        text, _ = again.communicate()
        assert again.returncode == 0, text
    runs = runs_of(client)
    rates = sorted(float(run.data.params["train.learning_rate"]) for run in runs)
    assert rates == [place / 1000 for place in range(1, WRITERS + 1)]
    for run in runs:
        rate = float(run.data.params["train.learning_rate"])
        assert run.info.status == "FINISHED"
        assert run.data.metrics["dev/bleu"] == pytest.approx(1000 * rate + 5)
        curve = client.get_metric_history(run.info.run_id, "train/loss")
        assert sorted((point.step, point.value) for point in curve) == [(50, 4.5), (100, 4.0)]
        assert str(client.get_logged_model(run.data.tags["model_id"]).status) == "READY"
    assert weights_in(storage) == sorted(f"weights {rate}" for rate in rates)


def runs_of(client: Any) -> list[Any]:
    experiments = [item.experiment_id for item in client.search_experiments()]
    return list(client.search_runs(experiments))


def weights_in(storage: str) -> list[str]:
    """What the storage holds of models, whatever the keys are."""
    import boto3

    options = {"aws_access_key_id": "team", "aws_secret_access_key": "team"}
    s3 = boto3.client("s3", endpoint_url=storage, region_name="us-east-1", **options)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return sorted(
        s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        for key in keys
        if key.endswith("model.safetensors")
    )
