"""The workspace that a verb works in: found upwards from where the user stands."""

import json
import os
from pathlib import Path

from attn2seq.errors import UserError
from attn2seq.workspace.door import check_files
from attn2seq.workspace.paths import CACHE, DVC_YAML, MODEL, PARAMS

# What a workspace is known by, beside params.yaml.
DVC_FILES = (str(DVC_YAML), ".dvc")


def find_workspace(here: Path) -> Path | None:
    """The nearest folder, from `here` upwards, with params.yaml and DVC's files."""
    return next((place for place in (here, *here.parents) if _is_workspace(place)), None)


def enter_workspace() -> Path:
    """Make the workspace the working directory; gives the folder that the user stood in.

    Raises UserError where there is no workspace.
    """
    here = Path.cwd()
    root = find_workspace(here)
    if root is None:
        # A workspace of which a file was deleted, as far as one can tell.
        places = (here, *here.parents)
        half = next((place for place in places if (place / DVC_YAML).is_file()), None)
        remedy = (
            "Change into a clone of the project, or make one with `git clone`"
            if half is None
            else f"If {half} is one, `git checkout -- {PARAMS}` there brings its {PARAMS} back"
        )
        raise UserError(
            f"no workspace: neither {here} nor a folder above it holds {PARAMS} and "
            f"{DVC_FILES[0]}. {remedy}"
        )
    os.chdir(root)
    check_files(root)
    return here


def as_given(path: Path, here: Path) -> Path:
    """A path that the user gave when he stood in `here`, from the working directory."""
    return path if here == Path.cwd() else Path(os.path.relpath(here / path))


def corpus_name() -> str:
    """The corpus that params.yaml names; the working directory is the workspace.

    Raises UserError where it names none.
    """
    from attn2seq.config import read_yaml

    section = read_yaml(PARAMS).get("download")
    name = section.get("corpus") if isinstance(section, dict) else None
    if not isinstance(name, str):
        raise UserError(
            f"{PARAMS} names no corpus in download.corpus: `attn2seq check` lists its errors"
        )
    return name


def choose_model(name: str | None) -> str:
    """The model that the user means, by default the workspace's; enters the workspace if any.

    Raises UserError where the workspace has no model yet, or where there is no workspace to
    take one from.
    """
    here = Path.cwd()
    root = find_workspace(here)
    if root is not None:
        os.chdir(root)
    if name is not None and name != str(MODEL):
        return str(as_given(Path(name), here)) if (here / name).is_dir() else name
    if root is None and not MODEL.is_dir():
        raise UserError(
            f"no model: there is no {MODEL} here, and neither {here} nor a folder above it is a "
            "workspace. Name a model with --model FOLDER"
        )
    if root is not None and not MODEL.is_dir():
        pid = _training(root)
        raise UserError(
            f"no model yet: a training is running (process {pid}), and writes {root / MODEL} when "
            "it ends. --model HEAD takes the one of the last commit"
            if pid
            else f"no model: {root / MODEL} is missing. `make repro` trains one, `dvc checkout` "
            "brings back one that was trained"
        )
    return str(MODEL)


def _is_workspace(folder: Path) -> bool:
    return (folder / PARAMS).is_file() and any((folder / name).exists() for name in DVC_FILES)


def _training(root: Path) -> int | None:
    """The process of the train stage that runs in the workspace."""
    try:
        holder = json.loads((root / CACHE / "stage.json").read_text(encoding="utf-8"))
        os.kill(holder["pid"], 0)  # asks only whether it is there
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return int(holder["pid"]) if holder.get("stage") == "train" else None
