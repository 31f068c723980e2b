"""What is looked at before any work: the files that DVC reads first, and what git says.

DVC reads params.yaml, dvc.yaml and dvc.lock before any stage runs, and ends with its parser's words
where they are no YAML. What git refuses looks as if nothing were there.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from attn2seq.errors import UserError
from attn2seq.workspace.paths import DVC_LOCK, DVC_YAML, PARAMS

_REMEDY = "`git checkout -- {}` brings back the one of the last commit"
_STAGES_REMEDY = _REMEDY.format(DVC_YAML)


def check_files(root: Path) -> None:
    """Raises UserError where DVC could not read one of its files, with the remedy."""
    # Only here, so that help waits neither for ruamel.yaml nor for pydantic.
    from attn2seq.config import check_yaml
    from attn2seq.workspace.dvc_lock import REMEDY, parsed_lock

    for name in (PARAMS, DVC_YAML, DVC_LOCK):
        if (root / name).is_file():
            check_yaml(Path(os.path.relpath(root / name)))
    if not isinstance(_parsed(root / PARAMS), dict):
        raise UserError(f"{PARAMS} has no sections with keys: {_REMEDY.format(PARAMS)}")
    stages = _parsed(root / DVC_YAML)
    if stages is not None and not _has_stages(stages):
        raise UserError(f"{DVC_YAML} lists no stages, as DVC reads them: {_STAGES_REMEDY}")
    if (root / DVC_LOCK).is_file():
        try:
            parsed_lock((root / DVC_LOCK).read_text(encoding="utf-8"))
        except UserError as error:
            raise UserError(f"{error}: {REMEDY}") from None


def check_stages(root: Path) -> None:
    """Raises UserError where dvc.yaml is missing or empty, which DVC takes for a project without
    stages.
    """
    path = root / DVC_YAML
    if not path.is_file() or not path.read_text(encoding="utf-8").strip():
        state = "empty" if path.is_file() else "missing"
        raise UserError(f"{DVC_YAML} is {state}: {_STAGES_REMEDY}")


def check_git(root: Path, needed_for: str | None = None) -> None:
    """Raises UserError where git refuses to work here, or where another repository holds the
    workspace.

    Where there is no repository, only what is `needed_for` some verb is refused.
    """
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--show-toplevel"],
            cwd=root, env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        if needed_for:
            raise UserError(f"{needed_for} needs git, which is not installed") from None
        return
    if done.returncode == 0:
        top = Path(done.stdout.rstrip("\n"))
        if top.resolve() != root.resolve():
            raise UserError(
                f"{root} lies in another git repository, {top}, and has none of its own, which "
                "DVC's experiments and everything that names a commit need. Make it one, which "
                "the outer one leaves alone: `git init`, `git add .`, `git commit -m workspace`"
            )
    elif "not a git repository" not in done.stderr:
        raise UserError(f"git does not work in {root}:\n{done.stderr.strip()}")
    elif (root / ".git").exists():
        raise UserError(
            f"{root / '.git'} is damaged: git does not take it for a repository. Clone the project "
            "again, or bring the folder back from a copy"
        )
    elif needed_for:
        raise UserError(
            f"{needed_for} needs a git repository, and {root} is none: `git init`, `git add .`, "
            "`git commit -m workspace`, then `dvc config --local core.no_scm false`"
        )


def tells_of_path(root: Path) -> str | None:
    """What is to be said of the workspace's path, if anything."""
    if "%" in str(root) and not os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        return (
            f"no run is stored in MLflow: the path {root} holds a %, which its database cannot "
            "have. Rename the folder, or name a server in MLFLOW_TRACKING_URI; `make track` then "
            "adds the run"
        )
    return None


def _parsed(path: Path) -> Any:
    """What the YAML holds; None where there is no file, or nothing in it."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(path) if path.is_file() else None


def _has_stages(content: Any) -> bool:
    stages = content.get("stages") if isinstance(content, dict) else None
    return isinstance(stages, dict) and all(isinstance(stage, dict) for stage in stages.values())
