"""The trained model of a commit or DVC experiment, from DVC's cache or its remote."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from attn2seq.errors import UserError
from attn2seq.runs.circumstances import git
from attn2seq.runs.restore import MD5, experiments
from attn2seq.whole import whole_folder
from attn2seq.workspace.paths import DVC_LOCK, MODEL, MODELS_OF_REVISIONS, PARAMS
from attn2seq.workspace.stage import main_root


def model_of_revision(revision: str) -> tuple[Path, dict[str, Any]]:
    """The model folder of the revision, kept in .cache/models/, and the params it was made with.

    Raises UserError where there is no such revision, or where its model is not to be had.
    """
    root = main_root()
    commit = _commit(root, revision)
    lock = _yaml_of(root, commit, str(DVC_LOCK))
    try:
        train = lock["stages"]["train"]
        [md5] = [str(out["md5"]) for out in train["outs"] if out["path"] == str(MODEL)]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{revision} has no trained model: its dvc.lock names none") from None
    if not MD5.match(md5):
        raise UserError(f"the dvc.lock of {revision} is damaged: {MODEL} has the md5 {md5!r}")
    folder = root / MODELS_OF_REVISIONS / md5.removesuffix(".dir")
    if not folder.is_dir():
        with _not_to_be_had(revision):
            _fetch(root, commit, folder)
    return folder, _yaml_of(root, commit, str(PARAMS))


def _commit(root: Path, revision: str) -> str:
    found = git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if found:
        return found.decode().strip()
    for state in experiments(root):
        if state.exp_name == revision:
            return state.commit
    raise UserError(
        f"{revision} is neither a model folder nor a revision here (commit, tag, branch, DVC "
        "experiment): `make repro` trains a model into models/model"
    )


def _yaml_of(root: Path, commit: str, path: str) -> dict[str, Any]:
    """A file of the commit; empty where it is not there, or no mapping."""
    try:
        values = YAML(typ="safe").load((git(root, "show", f"{commit}:{path}") or b"").decode())
    except (YAMLError, UnicodeDecodeError):
        return {}
    return values if isinstance(values, dict) else {}


def _fetch(root: Path, commit: str, folder: Path) -> None:
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(str(root), rev=commit)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as beside:
        for path in files.ls(str(MODEL), detail=False):
            # A name alone: no entry of a cache says where a file is written.
            files.get_file(path, str(beside / PurePosixPath(path).name))


@contextmanager
def _not_to_be_had(revision: str) -> Iterator[None]:
    try:
        from dvc.exceptions import DvcException
    except ImportError as error:
        raise UserError(
            f"DVC is not installed here ({error}): pip install 'attn2seq[pipeline]'"
        ) from None
    try:
        yield
    except (DvcException, OSError) as error:
        raise UserError(
            f"the model of {revision} is not in DVC's cache, nor to be had from a remote "
            f"({type(error).__name__}). `git checkout {revision}` and `make repro` make it again"
        ) from None
