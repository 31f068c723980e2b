"""A small server of the hub's interface, as far as a model's push and fetch need it.

Files are stored as the hub stores them: what is large or no text is uploaded apart (git LFS), and a
commit names it by its sha256.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request
from ruamel.yaml import YAML
from werkzeug.serving import make_server

from attn2seq.cli.demo_app import QuietHandler

TOKEN = "hf_of_the_owner"
LICENSES = ("apache-2.0", "cc-by-2.0", "cc-by-nc-sa-4.0", "mit", "other", "unknown")


@dataclass
class Repository:
    """`commits` are whole trees: path -> content."""

    private: bool
    commits: dict[str, dict[str, bytes]]

    def at(self, revision: str) -> str | None:
        """The digits of a commit."""
        newest = list(self.commits)[-1]
        return newest if revision == "main" else revision if revision in self.commits else None


@dataclass
class Hub:
    """What the server holds, and what it was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def add(self, name: str, files: dict[str, bytes], private: bool = False) -> str:
        """A commit with these files; its digits."""
        digits = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        there = self.repositories.setdefault(name, Repository(private, {}))
        there.commits.pop(digits, None)
        there.commits[digits] = files
        return digits


def refused(status: int, code: str = "", message: str = "") -> Response:
    """The hub names the kind of error in a header."""
    return Response(status=status, headers={"X-Error-Code": code, "X-Error-Message": message})


def is_owner() -> bool:
    return request.headers.get("Authorization") == f"Bearer {TOKEN}"


def metadata_faults(card: str) -> list[str]:
    """As the hub checks a card before anything is uploaded."""
    block = re.match(r"---\n(.*?)---\n", card, re.DOTALL)
    values = YAML(typ="safe").load(block[1]) if block else {}
    faults = []
    if values.get("license") not in LICENSES:
        faults.append(f'"license" must be one of {LICENSES}')
    faults += [f'"language" {code}' for code in values["language"] if len(code) not in (2, 3)]
    if "license_name" in values and not re.fullmatch("[a-z0-9.-]+", values["license_name"]):
        faults.append('"license_name" must be of small letters, digits and hyphens')
    return faults


def make_app(hub: Hub) -> Flask:
    app = Flask("hub")

    @app.before_request
    def note() -> None:
        hub.asked.append(f"{request.method} {request.path}")

    @app.post("/api/repos/create")
    def create() -> Any:
        asked = request.get_json()
        name = f"{asked['organization']}/{asked['name']}"
        if not is_owner():
            return refused(401, message="Invalid username or password.")
        if name in hub.repositories:
            return jsonify(url=f"{hub.address}/{name}"), 409
        private = asked["visibility"] == "private"
        hub.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, private)
        return jsonify(url=f"{hub.address}/{name}")

    def found(name: str, revision: str) -> tuple[str, dict[str, bytes]] | Response:
        there = hub.repositories.get(name)
        if there is None or (there.private and not is_owner()):
            return refused(401, "RepoNotFound")
        digits = there.at(revision)
        if digits is None:
            return refused(404, "RevisionNotFound")
        return digits, there.commits[digits]

    @app.get("/api/models/<owner>/<name>")
    @app.get("/api/models/<owner>/<name>/revision/<revision>")
    def info(owner: str, name: str, revision: str = "main") -> Any:
        tree = found(f"{owner}/{name}", revision)
        if isinstance(tree, Response):
            return tree
        digits, files = tree
        private = hub.repositories[f"{owner}/{name}"].private
        siblings = [{"rfilename": path} for path in files]
        return jsonify(id=f"{owner}/{name}", sha=digits, private=private, siblings=siblings)

    @app.get("/api/models/<owner>/<name>/tree/<revision>")
    def tree(owner: str, name: str, revision: str) -> Any:
        there = found(f"{owner}/{name}", revision)
        if isinstance(there, Response):
            return there
        return jsonify(
            [
                {"type": "file", "path": path, "size": len(content), "oid": etag(content)}
                for path, content in there[1].items()
            ]
        )

    @app.route("/<owner>/<name>/resolve/<revision>/<path:path>")
    def resolve(owner: str, name: str, revision: str, path: str) -> Any:
        there = found(f"{owner}/{name}", revision)
        if isinstance(there, Response):
            return there
        digits, files = there
        if path not in files:
            return refused(404, "EntryNotFound")
        headers = {"X-Repo-Commit": digits, "ETag": f'"{etag(files[path])}"'}
        return Response(files[path], headers=headers)

    @app.post("/api/validate-yaml")
    def validate() -> Any:
        faults = metadata_faults(request.get_json()["content"])
        errors = [{"message": fault} for fault in faults]
        return jsonify(errors=errors, warnings=[]), 400 if faults else 200

    @app.post("/api/models/<owner>/<name>/preupload/main")
    def preupload(owner: str, name: str) -> Any:
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if b"\0" in base64.b64decode(file["sample"]) else "regular",
                "shouldIgnore": False,
            }
            for file in request.get_json()["files"]
        ]
        return jsonify(files=files)

    @app.post("/<owner>/<name>.git/info/lfs/objects/batch")
    def batch(owner: str, name: str) -> Any:
        objects = [
            item | {"actions": {"upload": {"href": f"{hub.address}/lfs/{item['oid']}"}}}
            for item in request.get_json(force=True)["objects"]
        ]
        return jsonify(transfer="basic", objects=objects)

    @app.put("/lfs/<oid>")
    def upload(oid: str) -> Any:
        content = request.get_data()
        assert hashlib.sha256(content).hexdigest() == oid
        hub.uploads[oid] = content
        return ""

    @app.post("/api/models/<owner>/<name>/commit/main")
    def commit(owner: str, name: str) -> Any:
        there = hub.repositories[f"{owner}/{name}"]
        if not is_owner():
            return refused(403, message="You have no right to write here.")
        files = dict(there.commits[str(there.at("main"))])
        for line in request.get_data().splitlines():
            change = json.loads(line)
            value = change["value"]
            match change["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = hub.uploads[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        digits = hub.add(f"{owner}/{name}", files)
        return jsonify(commitUrl=f"{hub.address}/{owner}/{name}/commit/{digits}", commitOid=digits)

    return app


def etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def served() -> Iterator[Hub]:
    """A hub with nothing in it, at its `address`."""
    hub = Hub()
    server = make_server("127.0.0.1", 0, make_app(hub), threaded=True, request_handler=QuietHandler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
