"""The trained model of a commit or DVC experiment, from DVC's cache or its remote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from attn2seq.errors import UserError
from attn2seq.model_folder import ModelFolder, known_form, read_model_folder
from attn2seq.runs.cached_files import MD5
from attn2seq.runs.revisions import find_state, yaml_of
from attn2seq.whole import whole_folder
from attn2seq.workspace.door import check_git
from attn2seq.workspace.paths import DVC_LOCK, MODEL, MODELS_OF_REVISIONS, PARAMS, TRAINED
from attn2seq.workspace.quiet_dvc import without_bars
from attn2seq.workspace.stage import main_root

# A stage and its out: the complete folder, or what training left, whichever the commit has.
OUTS = (("package", str(MODEL)), ("train", str(TRAINED)), ("train", str(MODEL)))
OTHER_CODE = "If the code was another then: `git worktree add <folder> {0}`, and translate there"


def model_of_revision(revision: str) -> ModelFolder:
    """The model folder of the revision, kept in .cache/models/.

    Raises UserError where there is no such revision, or where its model is not to be had.
    """
    root = main_root()
    check_git(root)
    state = find_state(root, revision)
    if state is None:
        raise UserError(
            f"{revision} is neither a model folder nor a revision here (commit, tag, branch, DVC "
            "experiment): `make repro` makes one, models/model"
        )
    commit = state.commit
    path, md5 = _out(revision, yaml_of(root, commit, DVC_LOCK))
    if not MD5.match(md5):
        raise UserError(f"the dvc.lock of {revision} is damaged: {path} has the md5 {md5!r}")
    folder = root / MODELS_OF_REVISIONS / md5.removesuffix(".dir")
    if not folder.is_dir():
        with _not_to_be_had(revision):
            _fetch(root, commit, path, folder)
    try:
        found = read_model_folder(folder)
    except UserError as error:
        raise UserError(f"{error}\n{OTHER_CODE.format(revision)}") from None
    if found.complete:
        return replace(found, if_unfit=OTHER_CODE.format(revision))
    return _searched_as_then(found, yaml_of(root, commit, PARAMS), revision)


def _out(revision: str, lock: Mapping[str, Any]) -> tuple[str, str]:
    """Path and md5 of the commit's model."""
    for stage, path in OUTS:
        try:
            outs = lock["stages"][stage]["outs"]
            for out in outs:
                if out["path"] == path:
                    return path, str(out["md5"])
        except (KeyError, TypeError):
            continue
    raise UserError(f"{revision} has no trained model: its dvc.lock names none")


def _searched_as_then(folder: ModelFolder, params: Mapping[str, Any], revision: str) -> ModelFolder:
    """What training left, with the settings of the commit's params.yaml."""
    told_by = f"params.yaml of {revision}"
    decode, prepare = params.get("decode"), params.get("prepare")
    if not isinstance(decode, dict):
        raise UserError(f"no decoding settings: {told_by} has no section decode")
    form = prepare.get("unicode_form") if isinstance(prepare, dict) else None
    unfit = OTHER_CODE.format(revision)
    return ModelFolder(folder.path, decode, known_form(form, told_by), told_by, unfit)


def _fetch(root: Path, commit: str, path: str, folder: Path) -> None:
    from dvc.api import DVCFileSystem

    without_bars()
    files = DVCFileSystem(str(root), rev=commit)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as beside:
        for found in files.find(path):
            inside = PurePosixPath(found).relative_to(path)
            # No entry of a cache says that a file is written elsewhere.
            if ".." in inside.parts:
                raise UserError(f"{path} of {commit} names {found!r}")
            (beside / inside).parent.mkdir(parents=True, exist_ok=True)
            files.get_file(found, str(beside / inside))


@contextmanager
def _not_to_be_had(revision: str) -> Iterator[None]:
    try:
        import dvc  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"DVC is not installed here ({error}): pip install 'attn2seq[pipeline]'"
        ) from None
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # DVC and what it is built from raise of many kinds
        raise UserError(
            f"the model of {revision} is not in DVC's cache, nor to be had from a remote "
            f"({type(error).__name__}). `git checkout {revision}` and `make repro` make it again"
        ) from None
