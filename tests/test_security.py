"""What SECURITY.md promises: a file from elsewhere is data, whatever it holds, and never code.

Hostile texts in the report are in tests/report/test_page_in_browser.py, hostile archives in
tests/corpus/test_lines.py, downloads in tests/corpus/test_download.py, and a checkpoint that holds
more than plain data in tests/training/test_checkpoints.py.
"""

import ast
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from attn2seq.config import ConfigError, read_yaml
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model, save_model
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.report.sentences import read_attention
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import Tokenizer

ROOT = Path(__file__).parents[1]
CODE = sorted(path for room in ("src", "pipeline") for path in (ROOT / room).rglob("*.py"))
# Modules that run what a file says, and PyYAML, which does unless told otherwise.
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
CALLS = {"eval", "exec", "read_pickle", "to_pickle", "unsafe_load", "full_load"}
# What each of these calls must be given, and as what.
NEEDED = {"torch.load": ("weights_only", True), "extractall": ("filter", "data")}
# What no call may be given.
FORBIDDEN = {("allow_pickle", True), ("shell", True), ("typ", "unsafe"), ("weights_only", False)}


def faults_of(source: str) -> list[str]:
    """Imports and calls that could run code out of a file, each with its line."""
    return [
        f"line {node.lineno}: {fault}"
        for node in ast.walk(ast.parse(source))
        for fault in [*_import_faults(node), *_call_faults(node)]
        if isinstance(node, ast.stmt | ast.expr)
    ]


def _import_faults(node: ast.AST) -> Iterator[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
        if node.module in ("torch", "numpy"):
            # A bare `load` would hide which one it is.
            names += [alias.name for alias in node.names if alias.name == "load"]
    for name in names:
        if name.partition(".")[0] in MODULES | {"load"}:
            yield f"imports {name}"


def _call_faults(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    given = {
        word.arg: word.value.value if isinstance(word.value, ast.Constant) else ast.unparse(word)
        for word in node.keywords
    }
    last = name.rpartition(".")[2]
    if name in ("eval", "exec") or last in CALLS - {"eval", "exec"}:
        yield f"calls {name}"
    for wanted, (key, value) in NEEDED.items():
        if (name == wanted or last == wanted) and given.get(key) != value:
            yield f"calls {name} without {key}={value!r}"
    for key, value in FORBIDDEN:
        if key in given and given[key] == value:
            yield f"calls {name} with {key}={value!r}"
    if name == "np.load" and (len(node.args) > 1 or given.get("allow_pickle", False) is not False):
        yield f"calls {name} so that it may unpickle"


@pytest.mark.promise("no code")
@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_runs_what_a_file_says(path: Path) -> None:
    assert faults_of(path.read_text(encoding="utf-8")) == []


@pytest.mark.promise("no code")
@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, marshal",
        "from pickle import loads",
        "def later():\n    import shelve",
        "import yaml",
        "from torch import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "np.load(path, 'r', True)",
        "pd.read_pickle(path)",
        "YAML(typ='unsafe')",
        "archive.extractall(folder)",
        "subprocess.run(text, shell=True)",
        "eval(text)",
    ],
)
def test_such_code_would_be_seen(source: str) -> None:
    assert faults_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path, map_location='cpu', weights_only=True)",
        "np.load(path, mmap_mode='r')",
        "model.eval()",
        "YAML(typ='safe').load(text)",
        "archive.extractall(folder, filter='data')",
    ],
)
def test_sound_code_is_not_suspected(source: str) -> None:
    assert faults_of(source) == []


class Intruder:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._made),)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What an intruder would make; the pickle is one that does."""
    first = tmp_path / "control"
    pickle.loads(pickle.dumps(Intruder(first)))
    assert first.is_dir()
    return tmp_path / "made"


@pytest.mark.promise("no code")
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_model_folder_with_a_pickle_in_it(
    tmp_path: Path, small_model: Callable[..., Seq2Seq], made: Path, name: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    model = small_model()
    save_model(folder, model, dict(model.named_parameters()))
    load_model(folder, torch.device("cpu"), torch.float32)
    (folder / name).write_bytes(pickle.dumps(Intruder(made)))
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        load_model(folder, torch.device("cpu"), torch.float32)
    assert not made.exists()


@pytest.mark.promise("no code")
def test_a_vocabulary_that_is_a_pickle(tmp_path: Path, made: Path) -> None:
    (tmp_path / "src.model").write_bytes(pickle.dumps(Intruder(made)))
    with pytest.raises(UserError, match="is not a sentencepiece model"):
        Tokenizer(tmp_path / "src.model")
    assert not made.exists()


@pytest.mark.promise("no code")
def test_token_ids_that_hold_objects(tmp_path: Path, made: Path) -> None:
    write_token_store(tmp_path / "train.src", [[1, 2]], 10)
    assert len(TokenStore(tmp_path / "train.src")) == 1
    np.save(tmp_path / "train.src.ids.npy", np.array([Intruder(made)]), allow_pickle=True)
    with pytest.raises(UserError, match=r"train\.src\.ids\.npy is damaged"):
        TokenStore(tmp_path / "train.src")
    assert not made.exists()


@pytest.mark.promise("no code")
def test_attention_maps_that_hold_objects(tmp_path: Path, made: Path) -> None:
    objects = np.array([[Intruder(made)]])
    np.savez(tmp_path / "attention.npz", weights_0=objects, src_0=objects, tgt_0=objects)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_attention(tmp_path / "attention.npz")
    assert not made.exists()


@pytest.mark.promise("no code")
def test_yaml_that_asks_for_a_call(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (tmp_path / "mine.yaml").write_text(f"name: !!python/object/apply:os.mkdir ['{made}']\n")
    with pytest.raises(ConfigError):
        read_yaml(tmp_path / "mine.yaml")
    assert not made.exists()


@pytest.mark.promise("loopback")
def test_servers_listen_on_this_machine_alone() -> None:
    texts = [(ROOT / "Makefile").read_text(), *(path.read_text("utf-8") for path in CODE)]
    hosts = [host for text in texts for host in re.findall(r'HOST = "(\S+)"', text)]
    assert hosts
    assert set(hosts) == {"127.0.0.1"}
    assert not [text for text in texts if "0.0.0.0" in text]
    # Every server that is started is told its host, and no other.
    servers = [text for text in texts if '"mlflow", "ui"' in text or '"models", "serve"' in text]
    assert len(servers) == 2
    assert all(re.findall(r'"--host", (\w+)', text) == ["HOST"] for text in servers)
    assert not re.search(r"--host|mlflow ui|models serve", texts[0])


@pytest.mark.promise("audit")
def test_an_audit_that_could_not_ask_says_so_and_fails(tmp_path: Path) -> None:
    """Nothing listens on port 9: the same as no network."""
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    tools = os.path.relpath(Path(sys.executable).parent, ROOT)
    found = subprocess.run(
        ["make", "-o", ".venv/ready", "audit", f"BIN={tools}"],
        cwd=ROOT, env=os.environ | nowhere | {"PIP_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert found.returncode != 0
    assert "The packages could not be checked" in found.stdout
    assert "make audit needs a network" in found.stdout
    assert "Traceback" not in found.stdout + found.stderr
    assert "No vulnerability" not in found.stdout
