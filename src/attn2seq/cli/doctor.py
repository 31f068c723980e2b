"""What an installation and a workspace have, what they lack, and what to do about it."""

import os
import platform
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from attn2seq.cli.workspace import find_workspace
from attn2seq.errors import UserError

STAGES = ("torch", "sentencepiece", "pandas", "pyarrow", "sacrebleu")
PIPELINE = ("dvc", "mlflow")
STORE_TIMEOUT_S = 5
COLUMNS, INDENT = 80, " " * 15
LITTLE_DISK_BYTES = 5 << 30
STATES = {"ok": "ok  ", "told": "note", "fault": "BAD "}


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    state: Literal["ok", "told", "fault"]
    what: str
    found: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """As they are printed."""
        head = f"{STATES[self.state]} {self.what:<9} "
        lines = [f"{head}{self.found}", *([INDENT + self.remedy] if self.remedy else [])]
        return [
            part
            for line in lines
            for part in textwrap.wrap(
                line, COLUMNS, subsequent_indent=INDENT, break_long_words=False,
                break_on_hyphens=False,
            )
        ]  # fmt: skip


def examine() -> int:
    """Print a line for each thing, with a remedy where one is needed; the exit status.

    1 where something is broken; what is only worth a note does no harm.
    """
    root = find_workspace(Path.cwd())
    broken = False
    for look in (_python, _packages, _device, _mirror, _disk):
        broken |= _told(look, root)
    if root is not None:
        os.chdir(root)
    for look in (_workspace, _git, _dvc, _store) if root else (_no_workspace,):
        broken |= _told(look, root)
    return int(broken)


def _told(look: Callable[[Path | None], Iterator[Finding]], root: Path | None) -> bool:
    broken = False
    for finding in look(root):
        print("\n".join(finding.lines()), flush=True)
        broken |= finding.state == "fault"
    return broken


def _python(root: Path | None) -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()}, {sys.executable}")


def _packages(root: Path | None) -> Iterator[Finding]:
    there = {name: _version(name) for name in ("attn2seq", *STAGES)}
    lacking = [name for name, found in there.items() if found is None]
    told = ", ".join(f"{name} {found}" for name, found in there.items() if found)
    if lacking:
        remedy = "install them: pip install attn2seq, or make repro in a clone"
        yield Finding("fault", "packages", f"without {', '.join(lacking)}", remedy)
    yield Finding("ok", "packages", told)
    pipeline = {name: _version(name) for name in PIPELINE}
    if None in pipeline.values():
        yield Finding(
            "told", "pipeline", "no DVC or no MLflow: models can be used, but not made",
            "pip install 'attn2seq[pipeline]'",
        )  # fmt: skip
    else:
        yield Finding("ok", "pipeline", ", ".join(f"{name} {pipeline[name]}" for name in PIPELINE))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device(root: Path | None) -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a library that the system lacks
        yield Finding("fault", "device", f"torch cannot be loaded: {error}", "install torch again")
        return
    from attn2seq.model.device import describe_device, pick_device, pick_number_type
    from attn2seq.workspace.check_surroundings import has_nvidia_driver

    device = pick_device("auto", "train.device")
    number_type = str(pick_number_type("auto", device)).removeprefix("torch.")
    yield Finding("ok", "device", f"{describe_device(device)}; number type auto is {number_type}")
    if has_nvidia_driver() and not torch.cuda.is_available():
        why = (
            "torch was built for CPUs alone" if torch.version.cuda is None
            else f"torch, built for CUDA {torch.version.cuda}, cannot use it"
        )  # fmt: skip
        yield Finding(
            "told", "gpu", f"there is an NVIDIA driver, but {why}",
            "install the build of torch that fits the driver; `nvidia-smi` names its CUDA version",
        )  # fmt: skip


def _mirror(root: Path | None) -> Iterator[Finding]:
    mirror = os.environ.get("CORPUS_MIRROR")
    if not mirror:
        yield Finding("ok", "mirror", "CORPUS_MIRROR is not set: corpora come from their addresses")
    elif not Path(mirror).is_dir():
        yield Finding(
            "fault", "mirror", f"CORPUS_MIRROR names {mirror}, which is no folder",
            "name one that exists, or unset it",
        )  # fmt: skip
    else:
        yield Finding("ok", "mirror", f"{mirror}, {len(list(Path(mirror).iterdir())):,} entries")


def _disk(root: Path | None) -> Iterator[Finding]:
    from attn2seq.runs.caches import readable

    place = root or Path.cwd()
    free = shutil.disk_usage(place).free
    found = f"{readable(free)} free in {place}"
    if free < LITTLE_DISK_BYTES:
        yield Finding("told", "disk", found, "attn2seq gc lists what can be removed")
    else:
        yield Finding("ok", "disk", found)
    if not os.access(place, os.W_OK):
        yield Finding("fault", "disk", f"{place} is read-only for you", "change its owner or mode")


def _no_workspace(root: Path | None) -> Iterator[Finding]:
    found = f"none: neither {Path.cwd()} nor a folder above it is one"
    yield Finding("told", "workspace", found)


def _workspace(root: Path | None) -> Iterator[Finding]:
    import attn2seq
    from attn2seq.workspace.door import check_files, tells_of_path

    assert root is not None
    try:
        check_files(root)
    except UserError as error:
        yield Finding("fault", "workspace", str(error))
        return
    yield Finding("ok", "workspace", str(root))
    code = Path(attn2seq.__file__).resolve().parents[2]
    if code != root.resolve():
        yield Finding(
            "told", "code", f"this command's code is {code}'s; stages run the workspace's own",
            "make test or make repro make an environment for this folder",
        )  # fmt: skip
    if told := tells_of_path(root):
        yield Finding("told", "path", told)


def _git(root: Path | None) -> Iterator[Finding]:
    from attn2seq.workspace.door import check_git

    assert root is not None
    try:
        check_git(root, needed_for="an experiment")
    except UserError as error:
        yield Finding("told", "git", str(error))
        return
    name, email = (_config(["git", "config", key]) for key in ("user.name", "user.email"))
    lacking = [key for key, value in (("user.name", name), ("user.email", email)) if not value]
    if lacking:
        yield Finding(
            "told", "git", f"{' and '.join(lacking)} not set, which `git commit` needs",
            "; ".join(f"git config --global {key} ..." for key in lacking),
        )  # fmt: skip
    else:
        yield Finding("ok", "git", f"{name} <{email}>")


def _config(command: list[str]) -> str:
    """What a program's configuration holds; nothing where it holds nothing, or is not there."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _dvc(root: Path | None) -> Iterator[Finding]:
    from attn2seq.runs.cached_files import dvc_cache
    from attn2seq.runs.caches import readable, size_of

    assert root is not None
    if not (root / ".dvc").is_dir():
        yield Finding("fault", "dvc", "no .dvc folder", "git checkout -- .dvc, or dvc init")
        return
    try:
        cache = dvc_cache(root)
    except UserError as error:
        yield Finding("fault", "dvc", str(error), "see `dvc doctor`")
        return
    remote = _config(["dvc", "config", "core.remote"])
    held = f"cache {cache}, {readable(size_of(cache))}"
    yield Finding("ok", "dvc", f"{held}; " + (f"remote {remote}" if remote else "no remote"))


def _store(root: Path | None) -> Iterator[Finding]:
    assert root is not None
    if _version("mlflow") is None:
        return
    from attn2seq.runs.mlflow_store import Runs
    from attn2seq.runs.record import StoreUnavailableError
    from attn2seq.runs.show import store_of

    try:
        store = store_of(root, os.environ.get("MLFLOW_TRACKING_URI"))
        if store.database is not None and not store.database.exists():
            yield Finding("ok", "mlflow", "mlflow.db comes with the first run")
            return
        runs = Runs(store, STORE_TIMEOUT_S).latest(1)
    except StoreUnavailableError as error:
        yield Finding(
            "told", "mlflow", str(error),
            "runs are made all the same; `make track` adds them when the store answers",
        )  # fmt: skip
        return
    last = f"the latest run is {runs[0].name}" if runs else "no run yet"
    yield Finding("ok", "mlflow", f"{store.uri}; {last}")
