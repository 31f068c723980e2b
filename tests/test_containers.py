"""The containers, as far as files can be judged: no daemon is needed, and none of them is built."""

import json
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "containers/Dockerfile"
COMPOSE = ROOT / "containers/compose.yaml"


def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_hadolint_has_no_objection() -> None:
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([program, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_is_let_through() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert {"src", "lock.txt", "lock-cpu.txt", "pyproject.toml"} <= names
    assert all((ROOT / name).exists() for name in names)
    let_through = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert names == let_through


def test_nothing_runs_as_root_and_every_image_is_pinned() -> None:
    text = DOCKERFILE.read_text()
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users[-1] != "0"
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", text, re.MULTILINE)
    own = {name for _, name in stages}
    images = [image for image, _ in stages if image not in own]
    images += [service["image"] for service in services().values() if "image" in service]
    assert all(re.search(r":[^:]*\d+[.-]\d+", image) for image in images), images


def test_the_services_fit_together() -> None:
    described = services()
    for service in described.values():
        assert set(service.get("depends_on", ())) <= described.keys()
        if "build" in service:
            assert (COMPOSE.parent / service["build"]["context"] / ".dockerignore").is_file()
            assert f" AS {service['build']['target']}\n" in DOCKERFILE.read_text()
        # Only this machine reaches what has no passwords.
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_no_secret_is_in_a_file() -> None:
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    lines = (COMPOSE.parent / ".env.example").read_text().splitlines()
    named = {line.partition("=")[0]: line.partition("=")[2] for line in lines if "=" in line}
    assert named == dict.fromkeys(asked, "")
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/containers/.env" in ignored


def test_the_dev_container_is_described() -> None:
    described = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    build = described["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).resolve() == DOCKERFILE
    assert f" AS {build['target']}\n" in DOCKERFILE.read_text()
